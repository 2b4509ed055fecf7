import { CarefulStart } from './careful-start.js';
import { asError } from './call-publisher.js';
import { Deliveries } from './deliveries.js';
import { FlowReader } from './flow-reader.js';
import { HeldKeys } from './held-keys.js';
import { fromFlow } from './item.js';
import { orderKey } from './message.js';
import { Pauses } from './pauses.js';
import type { PumpResult, RelayDependencies, RelayStats } from './relay-types.js';
import { Revisits } from './revisits.js';
import type { ShardWork } from './shard-work.js';
import { Shards } from './shards.js';
import { unlessAborted } from './unless-aborted.js';

const ERROR_BACKOFF_MS = 1000;
const FIRST_POLL_MS = 25;
/** How often what is due, and what operators ask for, is looked for while the flow is busy. */
const LOOK_MS = 200;
const SAVE_POSITIONS_MS = 1000;
/** How often entries are looked for that reading has passed over. */
const SECOND_LOOK_MS = 60_000;
/** How long stopping waits for calls of the publisher before it aborts their signals; and then for them to end. */
const DRAIN_MS = 1000;
const CUT_MS = 2000;

/**
 * Delivers what the shards assigned to this process hold. Reading, publishing and settling go on side by side.
 *
 * - Per key and destination, entries are sent in commit order, one call at a time. A failed one is tried again after the
 *   policy's delay; its key waits for it in the parked table, others go on.
 * - At least once: after a crash or a lost lease, what was sent and not yet deleted is sent again.
 * - No call begins for a shard whose lease has ended (`holds`), and a former owner's writes are fenced by the storage.
 * - Memory is bounded: reading waits while enough is here, and what one key, or one of several destinations, has beyond
 *   its share waits in the parked table.
 * - A statement that fails, as when the database is away, is repeated; what was sent is not forgotten meanwhile.
 *
 * `start` runs until `stop`. `pump` runs one round: it reads what there is and resolves when that is sent, parked or given
 * back, for tests and schedulers of your own.
 */
export class OutboxRelay {
  private readonly cut = new AbortController();
  private readonly giveUp = new AbortController();
  private readonly heldKeys: HeldKeys;
  private readonly shards: Shards;
  private readonly deliveries: Deliveries;
  private readonly flow: FlowReader;
  private readonly revisits: Revisits;
  private readonly careful: CarefulStart;
  private readonly pauses: Pauses;
  private foundLate = 0;
  private lastError: string | undefined;
  private rounds: Promise<unknown> = Promise.resolve();
  private woken = false;
  private lookAtMs = 0;
  private saveAtMs = 0;
  private secondLookAtMs: number;
  private nap = new AbortController();
  private stopping: Promise<void> | undefined;
  private running: { readonly end: AbortController; readonly loop: Promise<void> } | undefined;

  constructor(private readonly d: RelayDependencies) {
    const { storage, clock, retry } = d;
    const onError = (error: unknown): void => this.failed(error);
    const restart = (work: ShardWork, careful?: boolean): void => this.shards.restart(work, careful);
    const workOf = (shard: number): ShardWork | undefined => this.shards.workOf(shard);
    this.secondLookAtMs = clock.monotonic() + SECOND_LOOK_MS;
    this.heldKeys = new HeldKeys(clock, d.concurrencyLimit);
    this.shards = new Shards({ ...d, heldKeys: this.heldKeys, onError, onReady: () => this.wake([]) });
    this.deliveries = new Deliveries({
      ...d,
      heldKeys: this.heldKeys,
      fetch: (lane) => this.revisits.fetch(lane),
      restart,
      workOf,
      onParked: (delayMs) => this.lookSoon(delayMs),
      onError,
      cut: this.cut.signal,
      giveUp: this.giveUp.signal,
    });
    this.flow = new FlowReader({ storage, batchSize: d.batchSize, shards: this.shards, deliveries: this.deliveries });
    this.revisits = new Revisits({
      storage,
      deliveries: this.deliveries,
      workOf,
      onFlow: (work) => this.wake([work.claim.shard]),
      restart,
      onError,
    });
    this.pauses = new Pauses({ ...d, destinations: () => this.deliveries.all });
    this.careful = new CarefulStart({
      storage,
      writer: this.deliveries.writer,
      retry,
      maxInFlight: d.maxInFlight,
      mostRead: this.deliveries.capacity,
      continues: d.afterDeadLetter === 'continue',
      destinations: () => [...this.deliveries.all].map(({ name }) => name),
      nowMs: () => clock.now(),
      isOpen: ({ destination }) => !this.deliveries.named(destination).closed,
      sendAlone: (item) => this.deliveries.named(item.entry.destination).sendAlone(item),
      judge: (item, error) => this.deliveries.judge(item, error),
      onHead: ({ claim }, entry, head, aborted) =>
        this.heldKeys.passOn(orderKey(entry) ?? '', claim.shard, head?.id, aborted),
      restart,
      mayGoOn: (work) => !work.closing && !this.stopping && d.holds(work.claim.shard),
    });
  }

  stats(): RelayStats {
    return {
      shards: this.shards.count,
      inFlight: this.deliveries.inFlight,
      heldKeys: this.heldKeys.count,
      oldestHoldAgeMs: this.heldKeys.oldestAgeMs,
      ...this.deliveries.totals,
      foundLate: this.foundLate,
      destinations: this.deliveries.stats,
      lastError: this.lastError,
    };
  }

  /** Which shards these are, for whoever asks the storage about them. */
  get assigned(): readonly number[] {
    return this.shards.all;
  }

  /** Whether this process works on the shard. */
  owns(shard: number): boolean {
    return this.shards.has(shard);
  }

  /** These shards are leased to this process now. `afterExpiry`: their former owner did not give them back. */
  assign(shards: readonly number[], { afterExpiry = false }: { readonly afterExpiry?: boolean } = {}): void {
    this.shards.assign(shards, afterExpiry);
    this.lookWithin(0);
    this.wake([]);
  }

  /** Resolves when nothing of these shards is under way any more. */
  revoke(shards: readonly number[]): Promise<void> {
    return this.shards.revoke(shards);
  }

  /**
   * Looks for entries of these shards, or of all, now and not only when the interval ends; `look`: also for what is due
   * and asked for. Cheap: call it after each commit.
   */
  wake(shards?: readonly number[], look = shards === undefined): void {
    if (look) this.lookWithin(0);
    if (look) this.pauses.doubt();
    this.shards.touch(shards);
    this.woken = true;
    this.nap.abort();
  }

  /** Sends nothing more to the destination, or to any, until `resume`; in this process. For all processes: `OutboxPauses`. */
  pause(destination?: string): void {
    for (const one of this.named(destination)) one.pause();
  }

  /** Ends what `pause` has begun here; what is paused for all processes stays so. */
  resume(destination?: string): void {
    for (const one of this.named(destination)) one.resume();
    this.wake();
  }

  /** One round. Rounds queue up: a call that finds one running gets a round that begins after it. */
  pump(): Promise<PumpResult> {
    return this.exclusively(async () => {
      const before = { ...this.deliveries.totals };
      this.shards.touch();
      this.lookAtMs = 0;
      this.pauses.doubt();
      const { read, nextInMs } = await this.step(false);
      await this.deliveries.quiet();
      // A caller that pumps until something has come must let it come: without shards, nothing above has waited for anything.
      await new Promise((resolve) => setImmediate(resolve));
      await this.shards.savePositions();
      const { sent, failed, deadLettered } = this.deliveries.totals;
      return {
        read,
        sent: sent - before.sent,
        failed: failed - before.failed,
        deadLettered: deadLettered - before.deadLettered,
        nextInMs,
      };
    });
  }

  start(): void {
    if (this.running || this.stopping) return;
    const end = new AbortController();
    this.running = { end, loop: this.loop(end.signal) };
  }

  /**
   * Sends nothing more, and waits for the calls that are under way: after a second it aborts their signals, and after two
   * more it leaves them and the storage, wherever they are. What was read and not sent stays in the table.
   */
  stop(): Promise<void> {
    this.stopping ??= this.drain();
    return this.stopping;
  }

  private async drain(): Promise<void> {
    const { cut, giveUp } = this;
    this.running?.end.abort();
    this.nap.abort();
    const drained = new AbortController();
    const late = this.d.clock
      .sleep(DRAIN_MS, drained.signal)
      .then(() => cut.abort(new Error('The relay is stopping.')))
      .then(() => this.d.clock.sleep(CUT_MS, drained.signal))
      .then(() => giveUp.abort(new Error('The relay was stopped before the storage had answered.')))
      .catch(() => undefined); // drained in time
    await unlessAborted(this.windUp(), giveUp.signal).catch((error: unknown) => this.failed(error));
    drained.abort();
    await late;
    cut.abort(); // a destination that is away is probed no longer
  }

  private async windUp(): Promise<void> {
    await this.running?.loop;
    await this.flow.ended();
    await this.shards.revoke(this.shards.all);
    await this.rounds; // of `pump`
  }

  private async loop(end: AbortSignal): Promise<void> {
    for (let idleRounds = 0; !end.aborted;) {
      this.woken = false;
      let napMs = ERROR_BACKOFF_MS;
      try {
        const { read, nextInMs = Infinity } = await this.exclusively(() => this.step(true));
        await this.roomy(end);
        idleRounds = read > 0 ? 0 : idleRounds + 1;
        if (read > 0 || this.flow.reading) continue;
        // Soon at first: what follows a message is often another one.
        napMs = Math.min(this.d.pollMs(), nextInMs, FIRST_POLL_MS * 2 ** Math.min(idleRounds, 20));
      } catch (error) {
        this.failed(error);
      }
      if (await this.slept(napMs, end)) this.shards.touch();
    }
  }

  /** What fills the memory may be paused: it is seen here that it may go on. */
  private async roomy(end: AbortSignal): Promise<void> {
    while (!end.aborted && this.deliveries.room < this.deliveries.capacity / 2) {
      const nap = (this.nap = new AbortController());
      await this.pauses.obey();
      const alarm = this.d.clock.sleep(this.d.pollMs(), nap.signal).then(
        () => nap.abort(),
        () => undefined,
      );
      await this.deliveries.roomy(nap.signal);
      nap.abort();
      await alarm;
    }
  }

  /** False: woken before the time was over. */
  private async slept(ms: number, end: AbortSignal): Promise<boolean> {
    if (this.woken || end.aborted) return false;
    this.nap = new AbortController();
    return this.d.clock.sleep(ms, this.nap.signal).then(
      () => true,
      () => false,
    );
  }

  private exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const round = this.rounds.then(work);
    this.rounds = round.catch(() => undefined);
    return round;
  }

  /** Reads what is new and what is due, and sets it going; `ahead`: rounds follow one another. */
  private async step(ahead: boolean): Promise<{ read: number; nextInMs: number | undefined }> {
    await this.pauses.obey();
    await this.claim();
    const nowMs = this.d.clock.monotonic();
    const [read, look] = await Promise.all([this.flow.read(ahead), nowMs >= this.lookAtMs ? this.look() : undefined]);
    if (nowMs >= this.saveAtMs) {
      this.saveAtMs = nowMs + SAVE_POSITIONS_MS;
      await this.shards.savePositions();
    }
    if (nowMs >= this.secondLookAtMs) await this.lookBehind(nowMs);
    this.lastError = undefined;
    const nextInMs = this.lookAtMs === Infinity ? undefined : Math.max(0, this.lookAtMs - this.d.clock.monotonic());
    return { read: read + (look ?? 0), nextInMs };
  }

  private async claim(): Promise<void> {
    const careful = await this.shards.claim();
    if (careful.length === 0) return;
    await this.deliveries.alone(() => this.careful.run(careful));
    this.lookWithin(0);
  }

  private async look(): Promise<number> {
    this.lookAtMs = Infinity;
    try {
      const shards = this.shards.open.map(({ claim }) => claim.shard);
      const { found, nextInMs, crowded } = await this.revisits.look(shards);
      // What was found may still be found until it is settled.
      this.lookWithin(found > 0 || crowded ? LOOK_MS : (nextInMs ?? Infinity));
      this.lookWithin(this.d.pollMs());
      return found;
    } catch (error) {
      this.lookAtMs = 0;
      throw error;
    }
  }

  private lookSoon(delayMs: number): void {
    this.lookWithin(delayMs);
    this.wake([]);
  }

  private lookWithin(delayMs: number): void {
    this.lookAtMs = Math.min(this.lookAtMs, this.d.clock.monotonic() + delayMs);
  }

  /** There should be nothing up to the position. If there is, by whatever defect, it is delivered, and told. */
  private async lookBehind(nowMs: number): Promise<void> {
    this.secondLookAtMs = nowMs + SECOND_LOOK_MS;
    const works = this.shards.open.map((work) => ({ shard: work.claim.shard, position: work.position }));
    const found = (await this.d.storage.readBelow(works)).filter(({ shard, id }) => {
      const work = this.shards.workOf(shard);
      return work && !work.closing && !work.late.has(id);
    });
    for (const entry of found) {
      const work = this.shards.workOf(entry.shard);
      if (!work) continue;
      work.late.add(entry.id);
      this.deliveries.add(
        work,
        fromFlow(entry, () => work.late.delete(entry.id)),
      );
    }
    this.foundLate += found.length;
    if (found.length > 0) this.d.observer.foundLate(found);
  }

  private failed(error: unknown): void {
    this.lastError = asError(error).message;
    this.d.observer.storageFailed(asError(error));
  }

  private named(destination: string | undefined) {
    return destination === undefined ? [...this.deliveries.all] : [this.deliveries.named(destination)];
  }
}
