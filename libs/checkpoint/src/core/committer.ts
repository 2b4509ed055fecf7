import { AsyncResource } from 'node:async_hooks';
import { type Clock, type RetryPolicy } from 'nestjs-turnpike/timing';

export interface CommitterOptions {
  /** As many resolutions make a commit due at once. */
  readonly commitEvery: number;
  /** How long a safe position may stay uncommitted, in ms, when it takes longer to get as many resolutions. */
  readonly commitIntervalMs: number;
  /** `delayFor` says when a failed save is tried again. */
  readonly retryPolicy: RetryPolicy;
  readonly clock: Clock;
}

/**
 * Saves the newest safe position when it is due, in the background: nothing runs while everything is committed.
 *
 * - One save at a time, each of the newest position by then: two in flight could arrive in the wrong order and move the
 *   stored position back.
 * - A failed save is tried again with backoff, for as long as it takes.
 */
export class Committer<Position> {
  /** What was saved last. */
  committed: Position | undefined;
  /** How many saves in a row have failed. */
  failures = 0;

  private safe: Position | undefined;
  private resolutions = 0;
  private running: Promise<void> | undefined;
  private stopped = false;
  private lastSave: Promise<unknown> = Promise.resolve();
  private hurry = new AbortController();
  /** The background runs in the context of the opening, not in that of whoever resolves, which may be a transaction. */
  private readonly context = new AsyncResource('TurnpikeCommitter');

  /** @param save rejects when the position was not saved; `commit` passes that on */
  constructor(
    private readonly save: (position: Position) => Promise<void>,
    private readonly options: CommitterOptions,
  ) {}

  /** A position was resolved, and by now all up to `safe` are. Runs in the resolver: it neither waits nor throws. */
  resolved(safe: Position | undefined): void {
    this.resolutions++;
    this.safe = safe;
    if (!this.uncommitted || this.stopped) return;
    this.running ??= this.context.runInAsyncScope(() => this.commitWhenDue());
    // After a failure the backoff decides alone.
    if (this.resolutions >= this.options.commitEvery && this.failures === 0) this.hurry.abort();
  }

  /** Saves what is safe now, after a save that is in flight. */
  commit(): Promise<void> {
    const save = this.lastSave.then(() => this.saveSafe());
    this.lastSave = save.catch(() => undefined);
    return save;
  }

  /** Ends the background for good, after a save that is in flight. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.hurry.abort();
    await this.running;
  }

  private get uncommitted(): boolean {
    return this.safe !== undefined && this.safe !== this.committed;
  }

  private async commitWhenDue(): Promise<void> {
    while (this.uncommitted && !this.stopped) {
      await this.untilDue();
      // A failure is counted, and the next round waits accordingly.
      if (!this.stopped) await this.commit().catch(() => undefined);
    }
    this.running = undefined;
  }

  private async untilDue(): Promise<void> {
    const { commitEvery, commitIntervalMs, retryPolicy, clock } = this.options;
    if (this.failures === 0 && this.resolutions >= commitEvery) return;
    const waitMs = this.failures === 0 ? commitIntervalMs : (retryPolicy.delayFor(this.failures) ?? commitIntervalMs);
    this.hurry = new AbortController();
    await clock.sleep(waitMs, this.hurry.signal).catch(() => undefined);
  }

  private async saveSafe(): Promise<void> {
    const { safe, resolutions } = this;
    if (safe === undefined || !this.uncommitted) return;
    try {
      await this.save(safe);
    } catch (error) {
      this.failures++;
      throw error;
    }
    if (this.failures > 0) this.hurry.abort();
    this.committed = safe;
    this.failures = 0;
    this.resolutions -= resolutions;
  }
}
