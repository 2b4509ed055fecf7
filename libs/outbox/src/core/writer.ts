import type { Clock } from 'nestjs-turnpike/timing';
import type { Change, OutboxStorage, Rearranged } from './outbox-storage.js';
import { unlessAborted } from './unless-aborted.js';

/** Changes that belong together. */
export interface Job {
  /** Asked right before the changes are made; none: there is nothing to do any more. */
  readonly changes: () => readonly Change[];
  /** They are made, or their shard is fenced, or the relay has given up, which looks the same. */
  readonly done: (result: Rearranged) => void;
}

export interface WriterOptions {
  readonly storage: Pick<OutboxStorage, 'rearrange'>;
  readonly clock: Clock;
  /** They are stored, unless their shard is fenced. */
  readonly onWritten: (changes: readonly Change[]) => void;
  readonly onIdle: () => void;
  readonly onError: (error: unknown) => void;
}

const RETRY_MS = 500;
/** The most jobs in a transaction. */
const MAX_JOBS = 500;

/**
 * Changes what waits: one transaction at a time, each with all jobs that have come meanwhile. In it, what is moved behind
 * held keys goes first: a key that is opened by a later job must not leave anything behind that nobody waits for.
 */
export class Writer {
  private moves: Job[] = [];
  private jobs: Job[] = [];
  private running: Promise<void> | undefined;

  constructor(
    private readonly o: WriterOptions,
    private readonly giveUp: AbortSignal,
  ) {}

  get idle(): boolean {
    return this.running === undefined;
  }

  /** Moves entries behind what is parked of their key. */
  move(job: Job): void {
    this.moves.push(job);
    this.wake();
  }

  submit(job: Job): void {
    this.jobs.push(job);
    this.wake();
  }

  /** Makes these changes. Resolves when they are made, or their shard is fenced, or the relay has given up, which looks the same. */
  make(changes: readonly Change[]): Promise<Rearranged> {
    return new Promise((resolve) => this.submit({ changes: () => changes, done: resolve }));
  }

  private wake(): void {
    this.running ??= this.run();
  }

  private async run(): Promise<void> {
    await Promise.resolve(); // what comes in the same turn goes together
    while (this.moves.length + this.jobs.length > 0) {
      const jobs = [...this.moves, ...this.jobs.splice(0, MAX_JOBS)];
      this.moves = [];
      const changes = jobs.flatMap((job) => job.changes());
      const result = await this.write(changes);
      for (const { done } of jobs) done(result ?? notMade(changes));
      if (result) this.o.onWritten(changes);
    }
    this.running = undefined;
    this.o.onIdle();
  }

  /** Undefined: given up. */
  private async write(changes: readonly Change[]): Promise<Rearranged | undefined> {
    if (changes.length === 0) return { fenced: [], heads: new Map() };
    while (!this.giveUp.aborted) {
      try {
        return await unlessAborted(this.o.storage.rearrange(changes), this.giveUp);
      } catch (error) {
        if (this.giveUp.aborted) break;
        this.o.onError(error);
        await this.o.clock.sleep(RETRY_MS, this.giveUp).catch(() => undefined);
      }
    }
    return undefined;
  }
}

/** For those who asked, it is as if the shards had another owner: what they have is void. */
function notMade(changes: readonly Change[]): Rearranged {
  return { fenced: [...new Set(changes.map(({ claim }) => claim.shard))], heads: new Map() };
}
