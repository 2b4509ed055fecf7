import { setMaxListeners } from 'node:events';
import { OpeningStore } from './core/opening-store.js';
import { Intake, type PushOptions } from './core/intake/intake.js';
import { Bell } from './core/work/bell.js';
import { Worker } from './core/work/worker.js';
import { DeadLetters } from './dead-letters.js';
import { QueueClosedError } from './queue.errors.js';
import { resolveQueueOptions, type QueueOptions, type ResolvedQueueOptions } from './queue.options.js';
import { storeOf } from './queue.storage.js';

/** What `process` gets beside the items. Made anew for every call. */
export interface ProcessContext<Item> {
  readonly queue: Queue<Item>;
  /** As `queue.push`, but until this call of `process` ends also while the queue closes: follow-up work is kept. */
  push(item: Item, options?: PushOptions): Promise<void>;
  /** Aborts when the queue closes, and with a `ClaimLostError` when another worker has taken the batches over. */
  readonly signal: AbortSignal;
  /** From 1; counts within one run of the retry policy. */
  readonly attempt: number;
}

/**
 * Processes what the claimed batches hold. Resolving deletes them, rejecting has the call repeated by the retry policy.
 * `batch` can be iterated any number of times until the promise settles.
 */
export type Process<Item> = (batch: Iterable<Item>, context: ProcessContext<Item>) => Promise<void>;

export interface QueueStats {
  /** In memory, not stored yet. */
  readonly bufferedItems: number;
  /** Stored, and not yet processed: of all processes that share the store. */
  readonly batches: number;
  readonly items: number;
  /** Undefined when nothing is stored. */
  readonly oldestBatchAgeMs: number | undefined;
  readonly workers: { readonly alive: number; readonly working: number; readonly total: number };
}

type State = 'open' | 'closing' | 'closed';

/**
 * A buffered, batched queue: items are pushed into memory, flushed as one encoded batch into a store, and processed
 * from there by workers, with retries. First in, first out as far as batches are claimed; with several workers, and
 * after a failure, batches overtake each other.
 *
 * Guarantees:
 * - An item whose `push(item, { until: 'stored' })` resolved is processed at least once, whatever crashes in between.
 *   One that was only buffered is lost with the process, but not by `close`.
 * - No two workers, of any process on the same store, hold a batch at the same time. A claim ends `claimMs` after its
 *   process died, or stalled: then the batch is processed again, and what the stalled one writes is refused.
 * - Memory is bounded by `capacity` items and what the workers hold: beyond that, `push` waits.
 * - A failing store closes nothing silently: it is reported, tried again with backoff, and seen in `stats().workers`.
 *
 * It does not guarantee once: make `process` idempotent, or record what it did in its own transaction.
 *
 * The workers start by themselves, with what an earlier process left in the store. Close a queue when it is no longer
 * needed (`await using` does so): it holds timers, and in memory it holds the items.
 */
export class Queue<Item> implements AsyncDisposable {
  readonly name: string;
  /** What `onExhausted: 'deadLetter'` has put aside. */
  readonly deadLetters: DeadLetters<Item>;
  private readonly options: ResolvedQueueOptions<Item>;
  private readonly store: OpeningStore;
  private readonly intake: Intake<Item>;
  private readonly workers: readonly Worker<Item>[];
  private readonly bell: Bell;
  private readonly closing = new AbortController();
  private state: State = 'open';
  private running: Promise<unknown> | undefined;

  constructor(process: Process<Item>, options: QueueOptions<Item>, { autoStart = true } = {}) {
    this.options = resolveQueueOptions(options);
    // Each worker listens to it, and node takes eleven for a leak.
    setMaxListeners(0, this.closing.signal);
    const { name, clock, workers, onProcessError } = this.options;
    this.name = name;
    this.store = new OpeningStore(storeOf(this.options), this.options.codec.name);
    this.bell = new Bell(clock);
    this.deadLetters = new DeadLetters(this.store, this.options.codec.derive(), () => this.bell.ring());
    this.intake = new Intake({ ...this.options, store: this.store, onStored: () => this.bell.ring() });
    this.workers = Array.from(
      { length: workers },
      () =>
        new Worker({
          ...this.options,
          store: this.store,
          bell: this.bell,
          closing: this.closing.signal,
          process: (items, attempt, signal) => this.call(process, items, attempt, signal),
          onProcessError: (error, attempt, items) => onProcessError(error, { queue: name, attempt, items }),
        }),
    );
    if (autoStart) this.start();
  }

  /**
   * Opens the store now rather than at its first use, and rejects when that fails: with a `QueueFileError`,
   * a `CodecMismatchError` or the driver's error.
   */
  async open(): Promise<void> {
    await this.store.open();
  }

  /** Starts the workers, unless they run already or the queue is closed. Needed after `autoStart: false` only. */
  start(): void {
    if (this.state === 'open') this.running ??= Promise.all(this.workers.map((worker) => worker.run()));
  }

  /**
   * Resolves when the item is buffered, or with `until: 'stored'` when its batch is committed. Waits while `capacity`
   * items are in memory. Rejects with `QueueClosedError` after `close`, with the signal's reason, and for `stored` with
   * a `QueueStoreError` when the commit failed: the item is still in memory then and is tried again.
   */
  push(item: Item, options?: PushOptions): Promise<void> {
    if (this.state !== 'open') return Promise.reject(new QueueClosedError(this.name, 'push'));
    return this.intake.push(item, options);
  }

  /** Resolves when everything that is in memory is stored. It does not wait until it is processed. */
  flush(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.state !== 'open') return Promise.reject(new QueueClosedError(this.name, 'flush'));
    return this.intake.flush('manual', options.signal);
  }

  /** Asks the store. Rejects with `QueueClosedError` after `close`. */
  async stats(): Promise<QueueStats> {
    if (this.state === 'closed') throw new QueueClosedError(this.name, 'stats');
    const { batches, items, oldestAgeMs } = await this.store.stats();
    const states = this.workers.map((worker) => worker.state);
    return {
      bufferedItems: this.intake.items,
      batches,
      items,
      oldestBatchAgeMs: oldestAgeMs,
      workers: {
        alive: this.running ? states.filter((state) => state === 'idle' || state === 'working').length : 0,
        working: states.filter((state) => state === 'working').length,
        total: states.length,
      },
    };
  }

  /**
   * Refuses new pushes, aborts `context.signal`, waits for the calls of `process` that are under way, stores what is in
   * memory and closes the store. What is stored and not processed is for the next process that opens it; in memory it
   * is gone. Rejects with a `QueueStoreError` when the last commit failed. A second call rejects with
   * `QueueClosedError`.
   */
  async close(): Promise<void> {
    if (this.state !== 'open') throw new QueueClosedError(this.name, 'close');
    this.state = 'closing';
    this.closing.abort(new QueueClosedError(this.name, 'process'));
    this.bell.close();
    try {
      await this.running;
      await this.intake.close();
    } finally {
      this.state = 'closed';
      await this.store.close();
    }
  }

  /** As `close`, but a queue that is closed already is left alone. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.state === 'open') await this.close();
  }

  private async call(process: Process<Item>, items: Iterable<Item>, attempt: number, signal: AbortSignal) {
    let inside = true;
    const push = (item: Item, options?: PushOptions): Promise<void> =>
      inside ? this.intake.push(item, options) : this.push(item, options);
    try {
      await process(items, { queue: this, push, signal, attempt });
    } finally {
      inside = false;
    }
  }
}
