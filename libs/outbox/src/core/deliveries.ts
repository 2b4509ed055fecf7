import { exponential } from 'nestjs-turnpike/timing';
import { UnknownDestinationError } from '../outbox.errors.js';
import { Destination } from './destination.js';
import { HeldKeys } from './held-keys.js';
import { attemptOf, type Item } from './item.js';
import { KeylessLane } from './keyless-lane.js';
import { Lane, type LaneServices } from './lane.js';
import { orderKey, type OrderKey, type StoredEntry } from './message.js';
import type { Change } from './outbox-storage.js';
import type { Publisher } from './publisher.js';
import type { DestinationStats, RelayDependencies } from './relay-types.js';
import { Settler } from './settler.js';
import type { ShardWork } from './shard-work.js';
import { verdictOf, type Verdict } from './verdict.js';
import { Writer } from './writer.js';

export interface DeliveriesOptions extends RelayDependencies {
  readonly heldKeys: HeldKeys;
  /** The lane's parked entries are due. */
  readonly fetch: (lane: Lane) => void;
  /** The shard must be claimed anew; its work is closing when this returns. */
  readonly restart: (work: ShardWork) => void;
  readonly workOf: (shard: number) => ShardWork | undefined;
  /** Something was parked that will be due in this time. */
  readonly onParked: (delayMs: number) => void;
  readonly onError: (error: unknown) => void;
  /** Aborts the calls that are under way. */
  readonly cut: AbortSignal;
  /** Ends repeating what the storage did not take. */
  readonly giveUp: AbortSignal;
}

/** So many times `batchSize` entries of the flow are in memory at most. */
const BATCHES_IN_MEMORY = 4;
/** One key has at most the eighth part of that. */
const KEYS_IN_MEMORY = 8;

/** The entries that are in memory, from having been read to having been settled, parked or given back. */
export class Deliveries {
  readonly writer: Writer;
  readonly totals = { sent: 0, failed: 0, deadLettered: 0 };
  private readonly destinations = new Map<string, Destination>();
  private readonly settler: Settler;
  private readonly services: LaneServices;
  private readonly waiters = new Set<() => void>();
  /** How many entries of the flow may be in memory. */
  readonly capacity: number;
  private buffered = 0;
  private halted = false;

  constructor(private readonly o: DeliveriesOptions) {
    const { storage, clock, giveUp, onError } = o;
    this.capacity = BATCHES_IN_MEMORY * o.batchSize;
    this.writer = new Writer(
      { storage, clock, onError, onWritten: (changes) => this.written(changes), onIdle: () => this.progressed() },
      giveUp,
    );
    this.settler = new Settler(
      {
        storage,
        clock,
        onError,
        observe: (entries, durationMs) => o.observer.settled(entries, durationMs),
        onIdle: () => this.progressed(),
        onSettled: (work, items) => this.settled(work, items),
        onFenced: (work, items) => this.fenced(work, items),
      },
      giveUp,
    );
    this.services = {
      settler: this.settler,
      writer: this.writer,
      heldKeys: o.heldKeys,
      maxPerKey: Math.max(1, Math.floor(this.capacity / KEYS_IN_MEMORY)),
      continues: o.afterDeadLetter === 'continue',
      judge: (item, error) => this.judge(item, error),
      fetch: o.fetch,
      onMoved: (items) => this.leftFlow(items, true),
      onDropped: (items) => {
        this.leftFlow(items, false);
        this.progressed(); // there is room again
      },
      onFenced: o.restart,
    };
    // A destination that is alone may have all the memory there is: what it cannot take is better left in the flow.
    const share = o.publishers.size > 1 ? this.capacity / o.publishers.size : Infinity;
    for (const [name, publisher] of o.publishers) this.addDestination(name, publisher, share);
  }

  get all(): Iterable<Destination> {
    return this.destinations.values();
  }

  get inFlight(): number {
    let inFlight = 0;
    for (const destination of this.destinations.values()) inFlight += destination.inFlight;
    return inFlight;
  }

  get stats(): DestinationStats[] {
    return [...this.destinations.values()].map(({ name, inFlight, buffered, paused, state }) => ({
      name,
      inFlight,
      buffered,
      state: paused ? 'paused' : state.kind === 'down' ? 'away' : 'open',
      reason: state.kind === 'down' ? state.reason : undefined,
    }));
  }

  /** How many more entries may be read now. */
  get room(): number {
    return this.capacity - this.buffered;
  }

  named(destination: string): Destination {
    return (
      this.destinations.get(destination) ?? this.addDestination(destination, unknown(destination), this.capacity / 2)
    );
  }

  /** Entries of the flow, in id order per shard. */
  add(work: ShardWork, item: Item): void {
    const { entry } = item;
    const lane = entry.key === null ? this.keylessLaneOf(work, entry) : this.laneOf(work, entry as OrderKey);
    this.buffered += 1;
    lane.destination.buffered += 1;
    lane.add(item);
  }

  laneOf(work: ShardWork, key: OrderKey): Lane {
    let lane = work.lanes.get(key);
    if (!lane) {
      lane = new Lane(work, this.named(key.destination), orderKey(key) as string, key, this.services);
      work.lanes.set(key, lane);
    }
    return lane;
  }

  keylessLaneOf(work: ShardWork, { destination, namespace }: StoredEntry): KeylessLane {
    const id = `${destination}\u0000${namespace}`;
    let lane = work.keyless.get(id);
    if (!lane) {
      lane = new KeylessLane(work, this.named(destination), namespace, this.services);
      work.keyless.set(id, lane);
    }
    return lane;
  }

  /** Runs `work` while nothing is in a call but what it sends itself by `sendAlone`. */
  async alone(work: () => Promise<void>): Promise<void> {
    this.halted = true;
    try {
      await this.until(() => this.inFlight === 0);
      await work();
    } finally {
      this.halted = false;
      for (const destination of this.destinations.values()) destination.wake();
    }
  }

  judge(item: Item, error: Error): Verdict {
    const verdict = verdictOf(item, error, this.o.retry, this.o.clock.now());
    this.totals.failed += 1;
    this.o.observer.failed(item.entry, attemptOf(item), error);
    if (verdict.kind === 'bury') {
      this.totals.deadLettered += 1;
      this.o.observer.deadLettered(item.entry, verdict.attempts, error);
    }
    return verdict;
  }

  /** Resolves when nothing is under way, and nothing of what is here may go out. */
  quiet(): Promise<void> {
    return this.until(() => this.settler.idle && this.writer.idle && [...this.all].every(({ quiet }) => quiet));
  }

  /** Resolves when there is room for half of what may be in memory, or the signal aborts. */
  roomy(signal: AbortSignal): Promise<void> {
    return this.until(() => this.room >= this.capacity / 2 || signal.aborted, signal);
  }

  /** Something has ended: whoever waits may go on. */
  progressed(): void {
    for (const check of this.waiters) check();
  }

  private async until(holds: () => boolean, signal?: AbortSignal): Promise<void> {
    // What ends in this turn may begin something else in it.
    for (await Promise.resolve(); !holds(); await Promise.resolve()) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          this.waiters.delete(go);
          signal?.removeEventListener('abort', go);
          setImmediate(resolve);
        };
        this.waiters.add(go);
        signal?.addEventListener('abort', go, { once: true });
      });
    }
  }

  private addDestination(name: string, publisher: Publisher, share: number): Destination {
    const { clock, maxInFlight, publishTimeoutMs, observer, cut } = this.o;
    const destination = new Destination(
      name,
      {
        publisher,
        clock,
        maxInFlight,
        publishTimeoutMs,
        share,
        fullAt: this.capacity / Math.max(2, this.o.publishers.size),
        outageBackoff: exponential(0, 1000, 30_000),
        halted: () => this.halted,
        mayBegin: ({ entry }) => this.o.holds(entry.shard),
        toMessage: (item) => this.o.toMessage(item.entry, attemptOf(item)),
        onWithheld: ({ entry }) => {
          const work = this.o.workOf(entry.shard);
          if (work) this.o.restart(work);
        },
        onExcused: (items) => this.excuse(items),
        observer: {
          called: (...call) => this.called(...call),
          outage: (name, state) => {
            observer.outage(name, state);
            if (state.kind === 'up') this.o.onParked(0); // while it was away, what is due for it was not looked for
          },
          ended: () => this.progressed(),
        },
      },
      cut,
    );
    this.destinations.set(name, destination);
    return destination;
  }

  private called(destination: string, entries: number, failed: number, durationMs: number): void {
    this.totals.sent += entries - failed;
    this.o.observer.called(destination, entries, failed, durationMs);
  }

  private written(changes: readonly Change[]): void {
    let soonestMs = Infinity;
    for (const change of changes) {
      if (change.kind === 'putOff') soonestMs = Math.min(soonestMs, change.delayMs);
      else if (change.kind === 'requeue' || (change.kind === 'move' && change.due)) soonestMs = 0;
    }
    if (soonestMs < Infinity) this.o.onParked(soonestMs);
  }

  /** Their attempts were counted before it was known that their destination is away. */
  private excuse(items: readonly Item[]): void {
    for (const item of items) {
      const { entry, history } = item;
      const attempts = attemptOf(item) - 1;
      const work = this.o.workOf(entry.shard);
      if (!work || work.closing) continue;
      work.begin();
      this.writer.submit({
        changes: () => [{ kind: 'putOff', claim: work.claim, id: entry.id, attempts, delayMs: 0, history }],
        done: () => work.end(),
      });
    }
  }

  private settled(work: ShardWork, items: readonly Item[]): void {
    this.leftFlow(items, true);
    work.end(items.length);
    this.progressed();
  }

  private fenced(work: ShardWork, items: readonly Item[]): void {
    this.leftFlow(items, false);
    this.o.restart(work);
    work.end(items.length);
    this.progressed();
  }

  /** They are not in memory any more; `stored`: they are not in the flow either. */
  private leftFlow(items: readonly Item[], stored: boolean): void {
    for (const { from, entry, resolve } of items) {
      if (from !== 'flow') continue;
      this.buffered -= 1;
      this.named(entry.destination).buffered -= 1;
      if (stored) resolve?.();
    }
  }
}

/** Takes nothing: another process may have the destination. */
function unknown(destination: string): Publisher {
  return { publish: () => Promise.reject(new UnknownDestinationError(destination)) };
}
