import { AsyncResource } from 'node:async_hooks';
import type { Clock, RetryPolicy } from 'nestjs-turnpike/timing';
import type { HeldKey, HoldChanges } from './held-key-store.js';

export interface HoldWriterOptions {
  /** Rejects when a part of the changes may not be stored. */
  readonly save: (changes: HoldChanges) => Promise<void>;
  /** `delayFor` says when a failed save is tried again; after its last attempt, every `cooldownMs`, 1 s at least. */
  readonly retryPolicy: RetryPolicy;
  readonly clock: Clock;
  /** Called with each failed save, and how many have failed in a row. It must not throw. */
  readonly onError: (error: unknown, failures: number) => void;
}

/** A policy whose attempts are used up may have no cooldown, and a store that fails must not be asked without a pause. */
const LEAST_COOLDOWN_MS = 1000;

interface Waiter {
  readonly upTo: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Stores changes in the background, in order: one save at a time, each with the latest state of all keys that changed by
 * then. A save that fails is tried again with backoff, for as long as it takes, together with what changed since.
 */
export class HoldWriter {
  /** How many saves in a row have failed. */
  failures = 0;
  /** The latest state of each key that changed; `undefined`: no longer held. */
  private unsaved = new Map<string, HeldKey | undefined>();
  private changed = 0;
  private stored = 0;
  private readonly waiters = new Set<Waiter>();
  private running = false;
  private readonly closed = new AbortController();
  /** Saves run in the context of the opening, not in that of whoever reports a failure, which may be a transaction. */
  private readonly context = new AsyncResource('TurnpikeHoldWriter');

  constructor(private readonly options: HoldWriterOptions) {}

  /** How many changes are not stored yet. */
  get pending(): number {
    return this.changed - this.stored;
  }

  put(key: string, hold: HeldKey | undefined): void {
    this.unsaved.set(key, hold);
    this.changed++;
    this.start();
  }

  /** Resolves when all changes so far are stored; rejects with the signal's reason when it aborts first. */
  saved(signal?: AbortSignal): Promise<void> {
    if (this.pending === 0) return Promise.resolve();
    this.start();
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const aborted = (): void => leave(() => reject(signal?.reason));
      const leave = (settle: () => void): void => {
        this.waiters.delete(waiter);
        signal?.removeEventListener('abort', aborted);
        settle();
      };
      const waiter: Waiter = {
        upTo: this.changed,
        resolve: () => leave(resolve),
        reject: (reason) => leave(() => reject(reason)),
      };
      this.waiters.add(waiter);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  /**
   * Waits as `saved` does. From then on what is unsaved is tried once with each change and each call of `saved`, which rejects
   * when that fails: a store that is gone must not keep the process alive.
   */
  async close(signal: AbortSignal): Promise<void> {
    try {
      await this.saved(signal);
    } finally {
      this.closed.abort();
    }
  }

  private start(): void {
    if (!this.running) void this.context.runInAsyncScope(() => this.write());
  }

  private async write(): Promise<void> {
    this.running = true;
    // All that changes in this turn goes into one save.
    await Promise.resolve();
    while (this.unsaved.size > 0) {
      const upTo = this.changed;
      const taken = this.unsaved;
      this.unsaved = new Map();
      try {
        await this.options.save(changesOf(taken));
        this.succeeded(upTo);
      } catch (error) {
        this.unsaved = new Map([...taken, ...this.unsaved]);
        this.options.onError(error, ++this.failures);
        await this.backOff();
        if (!this.closed.signal.aborted) continue;
        for (const { reject } of this.waiters) reject(error);
        break;
      }
    }
    this.running = false;
  }

  private succeeded(upTo: number): void {
    this.failures = 0;
    this.stored = upTo;
    for (const waiter of this.waiters) if (waiter.upTo <= upTo) waiter.resolve();
  }

  private async backOff(): Promise<void> {
    const { clock, retryPolicy } = this.options;
    const delayMs = retryPolicy.delayFor(this.failures) ?? Math.max(retryPolicy.cooldownMs, LEAST_COOLDOWN_MS);
    await clock.sleep(delayMs, this.closed.signal).catch(() => undefined);
  }
}

function changesOf(taken: ReadonlyMap<string, HeldKey | undefined>): HoldChanges {
  return {
    held: [...taken.values()].filter((hold) => hold !== undefined),
    released: [...taken].filter(([, hold]) => hold === undefined).map(([key]) => key),
  };
}
