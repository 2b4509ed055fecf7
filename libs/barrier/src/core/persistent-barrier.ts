import { checkOption, exponential, SystemClock, type RetryPolicy } from 'nestjs-turnpike/timing';
import { HoldsNotRestoredError } from '../barrier.errors.js';
import { Barrier, type EnterResult, type WaitResult } from './barrier.js';
import type { BarrierOptions } from './barrier-options.js';
import { MAX_BARRIER_LENGTH, type HeldKey, type HeldKeyStore } from './held-key-store.js';
import { HoldWriter } from './hold-writer.js';
import { Holds, type Hold } from './holds.js';
import type { JobState } from './job-state.js';
import { StoredForm, type JobTypes } from './stored-form.js';

export interface PersistentBarrierOptions<Key, JobId> extends BarrierOptions<Key, JobId>, JobTypes {
  /** Whose holds they are in the store: at most 128 characters. At any time one process runs the barrier of a name. */
  name: string;
  store: HeldKeyStore;
  /** When a failed save is tried again. Default: exponential from 100 ms to 30 s, without end. */
  retryPolicy?: RetryPolicy;
  /** Called with each failed save, and how many have failed in a row. It must not throw. */
  onStoreError?: (error: unknown, failures: number) => void;
  /** Called when a job is told to wait. It must not throw. */
  onWait?: (key: Key, jobId: JobId, failedJobId: JobId) => void;
}

/**
 * A {@link Barrier} that holds after a restart what it held before. It decides in memory, at once, and writes its holds
 * to a store behind that: the latest state of each key, in order, for as long as it takes.
 *
 * **Order through a crash.** A hold that was not stored is lost with the process. So before the committer persists that a job
 * has failed and will be retried *later*, it awaits `saved()`: then either the hold is stored, or the job still counts as
 * never sent and comes first anyway. Await it before the transaction begins: on SQLite it waits for the writer's turn.
 *
 * **Holds of jobs that are gone.** A process that dies after a job's success was persisted, and before its key's release was
 * stored, leaves a hold that no job will ever end. Call `reconcile` after a start, before jobs are read.
 *
 * **Jobs that come back.** When a process dies before the ends of jobs were persisted, their key may be held by a later job. They
 * wait until it has ended, and are no illegal sequence.
 *
 * It does not keep concurrency limits, ordering modes or jobs inside through a restart.
 */
export class PersistentBarrier<
  Key extends string | number | bigint = string,
  JobId extends number | bigint = number,
> extends Barrier<Key, JobId> {
  readonly name: string;

  private constructor(
    private readonly own: PersistentBarrierOptions<Key, JobId>,
    private readonly form: StoredForm<Key, JobId>,
    private readonly writer: HoldWriter,
    private readonly present: Holds<Key, JobId>,
  ) {
    super({
      ...own,
      metadata: { barrier: own.name, ...own.metadata },
      onHoldChanged: (key, failedJobId) => {
        present.changed(key, failedJobId);
        own.onHoldChanged?.(key, failedJobId);
      },
    });
    this.name = own.name;
  }

  /**
   * Gives the barrier with what it held before.
   * @throws HoldsNotRestoredError when the store does not answer: starting without the holds would break the order.
   * @throws RangeError naming an option that is out of range.
   */
  static async open<Key extends string | number | bigint = string, JobId extends number | bigint = number>(
    options: PersistentBarrierOptions<Key, JobId>,
  ): Promise<PersistentBarrier<Key, JobId>> {
    const { name, store, clock = new SystemClock(), retryPolicy = exponential(0, 100, 30_000) } = options;
    checkName(name);
    const writer = new HoldWriter({
      save: (changes) => store.save(name, changes),
      retryPolicy,
      clock,
      onError: (error, failures) => options.onStoreError?.(error, failures),
    });
    const holds = new Holds<Key, JobId>(writer, clock);
    const barrier = new PersistentBarrier({ ...options, clock }, new StoredForm(options), writer, holds);
    barrier.restore(await stored(name, store));
    return barrier;
  }

  /** @throws UnstorableJobError for a key or job id that a restart could not read as what it is. */
  override enter(key: Key, jobId: JobId): EnterResult<JobId> {
    this.form.check(key, jobId);
    return super.enter(key, jobId);
  }

  override wait(key: Key, jobId: JobId): WaitResult<JobId> {
    const result = super.wait(key, jobId);
    if (result.wait) this.own.onWait?.(key, jobId, result.previousFailedJobId as JobId);
    return result;
  }

  /** @param error what a failed job failed with: shown with its hold, the first 1000 characters of it */
  override stateChanged(key: Key, jobId: JobId, state: JobState, error?: unknown): void {
    if (state === 'failed') this.form.check(key, jobId);
    super.stateChanged(key, jobId, state);
    if (state === 'failed' && error !== undefined) this.present.failed(key, jobId, error);
  }

  /** The keys that are held, the longest held first. */
  holds(): Hold<Key, JobId>[] {
    return this.present.list();
  }

  /** How many keys are held. */
  get held(): number {
    return this.present.size;
  }

  /** How long the longest hold has lasted, in ms; 0 without any. */
  get oldestHoldAgeMs(): number {
    return this.present.oldestAgeMs;
  }

  /** How many saves in a row have failed; 0 while the store works. */
  get storeFailures(): number {
    return this.writer.failures;
  }

  /** Resolves when all holds and releases so far are stored. Rejects with the signal's reason when it aborts first. */
  saved(signal?: AbortSignal): Promise<void> {
    return this.writer.saved(signal);
  }

  /**
   * Ends the holds of jobs that are no longer there to end them: those for which `isPending` says no count as succeeded, with
   * the next `sync()`. Returns how many.
   */
  async reconcile(isPending: (hold: Hold<Key, JobId>) => boolean | Promise<boolean>): Promise<number> {
    let gone = 0;
    for (const hold of this.holds()) {
      const pending = await isPending(hold);
      if (pending || this.present.get(hold.key)?.failedJobId !== hold.failedJobId) continue;
      this.stateChanged(hold.key, hold.failedJobId, 'succeeded');
      gone++;
    }
    return gone;
  }

  /** Waits as `saved` does. What changes later is tried once and not retried: call it when no job is under way. */
  close(signal: AbortSignal): Promise<void> {
    return this.writer.close(signal);
  }

  private restore(rows: readonly HeldKey[]): void {
    for (const row of rows) {
      const key = this.form.keyFrom(row.key);
      const failedJobId = this.form.jobIdFrom(row.failedJobId);
      this.present.restore({ key, failedJobId, since: new Date(row.sinceMs), lastError: row.lastError });
      if (!this.restoreHold(key, failedJobId)) this.present.changed(key, undefined);
    }
  }
}

async function stored(name: string, store: HeldKeyStore): Promise<HeldKey[]> {
  try {
    return await store.load(name);
  } catch (error) {
    throw new HoldsNotRestoredError(name, error);
  }
}

function checkName(name: string): void {
  const holds = name !== '' && name.length <= MAX_BARRIER_LENGTH && name.isWellFormed() && !name.includes('\0');
  checkOption('name', name, holds, `be well-formed text of 1 to ${MAX_BARRIER_LENGTH} characters without NUL`);
}
