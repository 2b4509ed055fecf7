import { setImmediate as endOfTick } from 'node:timers/promises';
import { exponential, type Clock } from 'nestjs-turnpike/timing';
import { QueueStoreError } from '../../queue.errors.js';
import { type BatchStore, type NewBatch } from '../batch-store.js';
import { type Waiter } from './waiter.js';

/** A batch that is encoded but not yet stored, and who waits for it. */
export interface SealedBatch extends NewBatch {
  readonly waiters: Waiter[];
}

export interface GroupCommitOptions {
  readonly name: string;
  readonly store: Pick<BatchStore, 'append'>;
  readonly clock: Clock;
  readonly onInternalError: (error: Error) => void;
  /** Called right before each commit, for what wants to be part of it. */
  readonly beforeCommit: () => void;
  readonly afterCommit: () => void;
}

/** A commit larger than this makes the next ones wait too long. */
const COMMIT_MAX_BYTES = 16 * 1024 * 1024;

/**
 * Stores sealed batches in their order, and all that were sealed while a commit was under way in one further commit:
 * the more pushers, the larger the commits, at the same number of disk syncs.
 *
 * States: *idle*, *committing* one group, or *backing off* before it tries the same group again. At most one commit is
 * under way, so batches are stored in the order in which they were sealed.
 */
export class GroupCommit {
  /** Items that are sealed and not stored. */
  items = 0;
  private readonly sealed: SealedBatch[] = [];
  private readonly closing = new AbortController();
  private running: Promise<void> | undefined;

  constructor(private readonly options: GroupCommitOptions) {}

  add(batch: SealedBatch): void {
    this.sealed.push(batch);
    this.items += batch.items;
    this.wake();
  }

  /** Commits at the end of this tick, so that all pushes of one tick are one commit; or after the running commit. */
  wake(): void {
    this.running ??= this.run();
  }

  /** Waits for everything that was sealed so far. False when there is nothing to wait for. */
  join(waiter: Waiter): boolean {
    const newest = this.sealed.at(-1);
    newest?.waiters.push(waiter);
    return newest !== undefined;
  }

  /** Resolves when all is stored; from now on a failed commit is tried once more and then given up. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    try {
      for (;;) {
        await endOfTick();
        this.options.beforeCommit();
        if (this.sealed.length === 0) return;
        await this.commit(this.nextGroup());
        this.options.afterCommit();
      }
    } finally {
      this.running = undefined;
    }
  }

  /** The group stays in `sealed` until it is stored: whoever joins meanwhile must find it. */
  private nextGroup(): SealedBatch[] {
    let bytes = 0;
    let count = 0;
    for (const batch of this.sealed) {
      bytes += batch.data.byteLength;
      if (count > 0 && bytes > COMMIT_MAX_BYTES) break;
      count++;
    }
    return this.sealed.slice(0, count);
  }

  private async commit(group: SealedBatch[]): Promise<void> {
    const backoff = exponential(0, 100, 30_000).derive({ clock: this.options.clock });
    const items = group.reduce((sum, batch) => sum + batch.items, 0);
    for (;;) {
      await backoff.attempt(this.closing.signal);
      const lastTry = this.closing.signal.aborted;
      try {
        await this.options.store.append(group);
        break;
      } catch (cause) {
        const error = new QueueStoreError(this.options.name, lastTry ? this.items : items, lastTry, cause);
        this.options.onInternalError(error);
        // Whoever waits learns of it now, and not when the disk has room again.
        const failed = lastTry ? this.sealed : group;
        for (const batch of failed) for (const waiter of batch.waiters.splice(0)) waiter.reject(error);
        if (lastTry) throw error;
      }
    }
    this.sealed.splice(0, group.length);
    this.items -= items;
    for (const batch of group) for (const waiter of batch.waiters) waiter.resolve();
  }
}
