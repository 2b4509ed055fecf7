import type { Clock, RetryPolicy } from 'nestjs-turnpike/timing';
import { asError, Dispatcher } from './dispatcher.js';
import { HeldKeys } from './held-keys.js';
import type { StoredEntry } from './message.js';
import type { OutboxStorage } from './outbox-storage.js';
import type { Publisher } from './publisher.js';
import { RelayRound } from './relay-round.js';
import { RelayShards } from './relay-shards.js';

export interface RelayDependencies {
  readonly storage: OutboxStorage;
  readonly publisher: Publisher;
  /** Computes the delay before each further attempt; it must not end. */
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  /** Whether the shard's lease is this process's right now, by its own clocks. */
  readonly holds: (shard: number) => boolean;
  /** How long an idle relay waits before it looks by itself, in ms. */
  readonly processIntervalMs: number;
  /** The most entries that a round reads; shared out over the shards. */
  readonly batchSize: number;
  readonly maxInFlight: number;
  readonly publishTimeoutMs: number;
  readonly observer: RelayObserver;
}

export interface RelayObserver {
  failed(entry: StoredEntry, attempt: number, error: Error): void;
  round(result: PumpResult): void;
  roundFailed(error: Error): void;
}

export interface PumpResult {
  readonly read: number;
  readonly sent: number;
  readonly failed: number;
  /** ms until the next retry is due; undefined when none is waiting. */
  readonly nextInMs: number | undefined;
}

export interface RelayStats {
  readonly shards: number;
  readonly inFlight: number;
  readonly heldKeys: number;
  /** How long the longest hold has lasted in this process, in ms; 0 without any. */
  readonly oldestHoldAgeMs: number;
  /** Since the start of this process. */
  readonly sent: number;
  readonly failed: number;
  /** The last round's error; undefined when the last round was a good one. */
  readonly lastError: string | undefined;
}

/** However many shards share a round, each gets this many entries of it, so that a busy one makes progress. */
const LEAST_PER_SHARD = 20;
const ERROR_BACKOFF_MS = 1000;
/** How long stopping waits for calls of the publisher before it aborts their signals. */
const DRAIN_MS = 1000;

/**
 * Delivers what the shards assigned to this process hold.
 *
 * A round reads what is new and what is due, sends it, and deletes or parks every entry it read. Rounds never overlap.
 *
 * - Per key, entries are sent in commit order, one call at a time. A failed one is tried again after the policy's delay;
 *   its key waits for it, others go on.
 * - At least once: after a crash or a lost lease, what was sent and not yet deleted is sent again.
 * - No call begins for a shard whose lease has ended (`holds`), and a former owner's writes are fenced by the storage.
 * - A round that fails, as when the database is away, forgets what it read. The next one claims and reads it again.
 */
export class OutboxRelay {
  private readonly shards = new RelayShards();
  private readonly heldKeys: HeldKeys;
  private readonly dispatcher: Dispatcher;
  private readonly totals = { sent: 0, failed: 0 };
  private lastError: string | undefined;
  private rounds: Promise<unknown> = Promise.resolve();
  private woken = false;
  private nap = new AbortController();
  private running: { readonly end: AbortController; readonly loop: Promise<void> } | undefined;
  private readonly abort = new AbortController();

  constructor(private readonly d: RelayDependencies) {
    this.heldKeys = new HeldKeys(d.clock);
    this.dispatcher = new Dispatcher({
      ...d,
      mayBegin: ({ shard }) => !this.stopping && this.shards.has(shard) && d.holds(shard),
    });
  }

  stats(): RelayStats {
    return {
      shards: this.shards.count,
      inFlight: this.dispatcher.inFlight,
      heldKeys: this.heldKeys.count,
      oldestHoldAgeMs: this.heldKeys.oldestAgeMs,
      ...this.totals,
      lastError: this.lastError,
    };
  }

  /** These shards are leased to this process now. */
  assign(shards: readonly number[]): void {
    this.shards.assign(shards);
    this.wake();
  }

  /** Resolves when nothing of these shards is under way any more. */
  async revoke(shards: readonly number[]): Promise<void> {
    this.shards.revoke(shards);
    await this.rounds;
    this.heldKeys.forget(new Set(shards));
  }

  /** Looks for entries now and not only when the interval ends. Cheap: call it after each commit. */
  wake(): void {
    this.woken = true;
    this.nap.abort();
  }

  /** One round. Rounds queue up: a call that finds one running gets a round that begins after it. */
  pump(): Promise<PumpResult> {
    const round = this.rounds.then(() => this.round());
    this.rounds = round.catch(() => undefined);
    return round;
  }

  start(): void {
    if (this.running || this.abort.signal.aborted) return;
    const end = new AbortController();
    this.running = { end, loop: this.loop(end.signal) };
  }

  /** Ends the loop; sends nothing more, and waits for the calls that are under way. What was read stays in the table. */
  async stop(): Promise<void> {
    const { running } = this;
    if (!running) return;
    running.end.abort();
    this.nap.abort();
    const drained = new AbortController();
    const late = this.d.clock.sleep(DRAIN_MS, drained.signal).then(
      () => this.abort.abort(new Error('The relay is stopping.')),
      () => undefined, // drained in time
    );
    await running.loop;
    drained.abort();
    await late;
    this.running = undefined;
  }

  private get stopping(): boolean {
    return this.running?.end.signal.aborted ?? false;
  }

  private async loop(end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      this.woken = false;
      let napMs = ERROR_BACKOFF_MS;
      try {
        const { read, nextInMs = Infinity } = await this.pump();
        if (read > 0) continue;
        napMs = Math.min(this.d.processIntervalMs, nextInMs);
      } catch (error) {
        this.lastError = asError(error).message;
        this.d.observer.roundFailed(asError(error));
      }
      await this.sleep(napMs, end);
    }
  }

  private async sleep(ms: number, end: AbortSignal): Promise<void> {
    if (this.woken || end.aborted) return;
    this.nap = new AbortController();
    await this.d.clock.sleep(ms, this.nap.signal).catch(() => undefined); // woken early
  }

  private async round(): Promise<PumpResult> {
    const round = new RelayRound({
      ...this.d,
      dispatcher: this.dispatcher,
      shards: this.shards,
      heldKeys: this.heldKeys,
      stop: this.abort.signal,
      onFailed: (entry, attempt, error) => this.d.observer.failed(entry, attempt, error),
    });
    try {
      const result = await this.readAndRun(round);
      this.lastError = undefined;
      this.d.observer.round(result);
      return result;
    } catch (error) {
      this.shards.startAllOver();
      throw error;
    } finally {
      this.shards.startOver(round.unfinished);
      this.totals.sent += round.counts.sent;
      this.totals.failed += round.counts.failed;
    }
  }

  private async readAndRun(round: RelayRound): Promise<PumpResult> {
    await this.claim();
    const positions = this.shards.positions();
    if (positions.length === 0) return { read: 0, sent: 0, failed: 0, nextInMs: undefined };
    const perShard = Math.max(LEAST_PER_SHARD, Math.floor(this.d.batchSize / positions.length));
    const [fresh, { due, nextInMs }] = await Promise.all([
      this.d.storage.read(positions, perShard),
      this.d.storage.due(
        positions.map(({ shard }) => shard),
        this.d.batchSize,
      ),
    ]);
    for (const { shard, id } of fresh) this.shards.readUpTo(shard, id);
    const lanes = await round.parkBehind(fresh);
    await round.run(lanes, due);
    return { read: fresh.length + due.length, ...round.counts, nextInMs };
  }

  /**
   * Draws tokens for newly assigned shards, and holds what their former owner held, before anything of them is read. Not
   * for one whose lease has ended: that would fence its next owner.
   */
  private async claim(): Promise<void> {
    const unclaimed = this.shards.unclaimed().filter(this.d.holds);
    if (unclaimed.length === 0) return;
    const claims = await this.d.storage.claim(unclaimed);
    this.heldKeys.forget(new Set(unclaimed));
    this.heldKeys.restore(await this.d.storage.heldKeys(unclaimed));
    for (const claim of claims) this.shards.claimed(claim);
  }
}
