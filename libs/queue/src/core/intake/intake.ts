import { type Clock } from 'nestjs-turnpike/timing';
import { type BatchStore } from '../batch-store.js';
import { type Buffer } from '../buffer/buffer.js';
import { type Codec } from '../codec/codec.js';
import { type QueueObserver } from '../observer.js';
import { Aborts } from './aborts.js';
import { Doorway } from './doorway.js';
import { reachedLimit, type FlushCause, type FlushLimits } from './flush-limits.js';
import { GroupCommit } from './group-commit.js';
import { encodeBatch } from './encode-batch.js';
import { Waiter } from './waiter.js';

export interface PushOptions {
  /**
   * What the promise waits for. `buffered` (default): the item is in memory, and stored when the buffer is flushed.
   * `stored`: the batch with the item is committed. Such a push flushes the buffer at the end of the tick, and all
   * pushes that wait at that time share one commit.
   */
  readonly until?: 'buffered' | 'stored';
  /** Ends the wait: the promise rejects with its reason. An item that was in the buffer by then stays there. */
  readonly signal?: AbortSignal | undefined;
}

export interface IntakeOptions<Item> extends FlushLimits {
  readonly name: string;
  readonly capacity: number;
  readonly buffer: Buffer<Item>;
  readonly codec: Codec<Item>;
  readonly store: Pick<BatchStore, 'append'>;
  readonly clock: Clock;
  readonly observer: QueueObserver | undefined;
  readonly onInternalError: (error: Error) => void;
  readonly onStored: () => void;
}

const DONE = Promise.resolve();

/**
 * From a push to a stored batch. An item is *waiting* at the doorway, *buffered*, *sealed* (encoded) or stored.
 *
 * Invariants: at most `capacity` items are buffered or sealed; pushes enter in the order of their calls, and items are
 * stored in the order in which they entered; whoever waits for an item is told after its commit, never before.
 */
export class Intake<Item> {
  private readonly buffer: Buffer<Item>;
  private readonly commits: GroupCommit;
  private readonly doorway: Doorway;
  private readonly aborts = new Aborts();
  /** Those who wait for what is in the buffer. */
  private waiters: Waiter[] = [];
  private timeout: AbortController | undefined;

  constructor(private readonly options: IntakeOptions<Item>) {
    this.buffer = options.buffer.derive();
    this.doorway = new Doorway(() => this.items >= options.capacity, this.aborts);
    this.commits = new GroupCommit({
      ...options,
      beforeCommit: () => {
        if (this.waiters.length > 0) this.seal('manual');
      },
      afterCommit: () => {
        options.onStored();
        this.doorway.admit();
      },
    });
  }

  /** Items in memory, and not yet stored. */
  get items(): number {
    return this.buffer.size + this.commits.items;
  }

  push(item: Item, { until, signal }: PushOptions = {}): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    if (!this.doorway.closed) return this.enter(item, until, signal);
    // Only a commit makes room, and below its limits the buffer would not come to one.
    this.seal('size');
    return this.doorway.wait(() => this.enter(item, until, signal), signal);
  }

  /** Resolves when everything that was pushed before is stored. */
  flush(cause: FlushCause, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const waiter = new Waiter(signal, this.aborts);
    if (this.buffer.size > 0) {
      this.waiters.push(waiter);
      this.seal(cause);
    } else if (!this.commits.join(waiter)) waiter.resolve();
    return waiter.promise;
  }

  /** Stores what is there, the waiting pushes too: they were called before. */
  async close(): Promise<void> {
    try {
      do {
        this.seal('close');
        await this.commits.close();
      } while (this.items > 0);
    } catch (error) {
      for (const waiter of this.waiters.splice(0)) waiter.reject(error);
      this.doorway.refuse(error);
      throw error;
    }
  }

  private enter(item: Item, until: PushOptions['until'], signal: AbortSignal | undefined): Promise<void> {
    try {
      this.buffer.push(item);
    } catch (error) {
      return Promise.reject(error);
    }
    this.options.observer?.pushed();
    let stored = DONE;
    if (until === 'stored') {
      const waiter = new Waiter(signal, this.aborts);
      this.waiters.push(waiter);
      stored = waiter.promise;
    }
    const limit = reachedLimit(this.options, this.buffer);
    if (limit !== undefined) this.seal(limit);
    else if (until === 'stored') this.commits.wake();
    else if (this.timeout === undefined) this.startTimeout();
    return stored;
  }

  private seal(cause: FlushCause): void {
    this.timeout?.abort();
    this.timeout = undefined;
    const size = this.buffer.size;
    if (size === 0) return;
    const { batch, errors } = encodeBatch(this.options.name, this.options.codec, this.buffer, size);
    const waiters = this.waiters;
    this.waiters = [];
    this.buffer.reset();
    for (const error of errors) this.options.onInternalError(error);
    // Which of them pushed the item that was left out is not known once items are merged: all are told.
    if (errors.length > 0) for (const waiter of waiters.splice(0)) waiter.reject(errors[0]);
    this.options.observer?.flushed(cause, batch?.items ?? 0);
    if (batch) this.commits.add({ ...batch, waiters });
  }

  private startTimeout(): void {
    const { flushTimeoutMs, clock } = this.options;
    if (flushTimeoutMs === 0) return;
    const timeout = new AbortController();
    this.timeout = timeout;
    clock.sleep(flushTimeoutMs, timeout.signal).then(
      () => this.seal('timeout'),
      () => undefined,
    );
  }
}
