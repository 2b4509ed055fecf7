import { IllegalJobSequenceError, type IllegalSequencePoint } from '../barrier.errors.js';
import { resolveBarrierOptions, type BarrierOptions, type ResolvedBarrierOptions } from './barrier-options.js';
import { afterFailure, afterPersisted } from './gate.js';
import { checkJobState, type JobState, type PersistedState } from './job-state.js';
import type { KeyEntry } from './key-entry.js';
import { afterTime, failedJobOf, isStrict, onGate, type KeyState } from './key-state.js';
import { KeyTable } from './key-table.js';

export interface EnterResult<JobId> {
  readonly accepted: boolean;
  /** The failed job that the key is held by; the entering job itself when it is its retry. */
  readonly previousFailedJobId?: JobId;
}

export interface WaitResult<JobId> {
  readonly wait: boolean;
  readonly previousFailedJobId?: JobId;
}

interface Change<Key, JobId> {
  readonly key: Key;
  readonly jobId: JobId;
  readonly state: PersistedState;
}

const ACCEPTED = Object.freeze({ accepted: true });
const REFUSED = Object.freeze({ accepted: false });
const GO_ON = Object.freeze({ wait: false });

/**
 * Keeps the jobs of a key in order when one fails and will be retried: the later ones wait until it succeeds or ends.
 * Other keys go on. Job ids say the order: a later job has a higher one.
 *
 * **Who calls what, and when.** Three parts of a pipeline share one barrier, in one thread:
 * 1. The *generator* calls `sync()`, then reads pending jobs in the order of their ids, and asks `enter` for each. A
 *    refused job is left where it is. An accepted one is handed on; when that is not possible after all, `leave` undoes it.
 * 2. The *worker* sends the jobs of a key one after another, and asks `wait` right before each: since the job entered,
 *    an earlier one may have failed. A job that must wait goes back as `waiting`. A failed attempt that will be retried is
 *    told at once: `stateChanged(key, jobId, 'failed')`.
 * 3. The *committer* persists what became of the jobs, and then tells the barrier: `succeeded`, `filtered`, `aborted`
 *    (it ended without success) or `waiting`.
 *
 * **Why `sync`.** A persisted end opens a held key only at the next `sync()`. If it did so at once, a generator that had read
 * its jobs before could let a later job in ahead of one it had not seen.
 *
 * **It guarantees**, for callers who keep to the above:
 * - While a key is held, only its failed job is accepted, and `wait` tells every other one to wait.
 * - The first failed job of a key holds it until it succeeded, was filtered or aborted, and `sync()` ran.
 * - A call that throws has changed nothing.
 * - A key without failed job, limiter or job inside takes no memory. It is forgotten with its ordering mode.
 *
 * **It does not guarantee** an order between jobs that are under way at the same time: when two jobs of a key are sent side
 * by side and both fail, the first failure holds the key, and the other job is retried like one that was never sent. Nor
 * does it survive a restart by itself: `PersistentBarrier` does, or tell a new one `failed` for every job that is waiting
 * for a retry.
 *
 * **Concurrency limit.** After a failed job was aborted, its key often fails again. With a limit only that many jobs are
 * admitted at a time until one of them succeeds or fails, or another one is aborted.
 *
 * **Key threshold.** Order costs throughput. A job that finds that many jobs of its key inside makes it lose its order: the
 * key is *disabled* (every job enters, none waits, a failure holds nothing), after `disabledForMs` *half-enabled*
 * (ordered, but an illegal sequence is no mistake), after `halfEnabledForMs` *enabled*. Each step happens on an `enter`.
 *
 * **Illegal sequence.** A job with a lower id than its key's failed job, in an enabled key: jobs came out of order. It is
 * reported (`onIllegal`) and waits like any other, or thrown (`onIllegalSequence: 'throw'`).
 */
export class Barrier<Key extends string | number | bigint = string, JobId extends number | bigint = number> {
  private readonly options: ResolvedBarrierOptions<Key, JobId>;
  private readonly keys = new KeyTable<Key, JobId>();
  private changes: Change<Key, JobId>[] = [];

  /** @throws RangeError naming an option that is out of range. */
  constructor(options: BarrierOptions<Key, JobId> = {}) {
    this.options = resolveBarrierOptions(options);
  }

  /** Asks to let a job in. Asking again for a job that is inside gives the same answer. */
  enter(key: Key, jobId: JobId): EnterResult<JobId> {
    const unordered = this.options.orderingDisabled?.(key) ?? false;
    if (!unordered && this.keys.enterAlone(key, jobId)) return ACCEPTED;
    const threshold = this.options.keyThreshold();
    const entry = this.keys.getOrMake(key);
    if (unordered) this.disable(key, entry);
    else this.updateOrdering(key, entry, jobId, threshold);
    const failedJobId = failedJobOf(entry.state);
    if (failedJobId !== undefined && failedJobId !== jobId) {
      this.checkSequence('enter', key, entry.state, jobId, failedJobId);
      return { accepted: false, previousFailedJobId: failedJobId };
    }
    if (entry.limitReached(jobId, this.options.concurrencyLimit)) return REFUSED;
    entry.enter(jobId);
    return failedJobId === undefined ? ACCEPTED : { accepted: true, previousFailedJobId: failedJobId };
  }

  /** Undoes an `enter`, as if the job had never come in. A job that is not inside changes nothing. */
  leave(key: Key, jobId: JobId): void {
    const entry = this.keys.leaveAlone(key, jobId);
    if (entry) this.left(key, jobId, entry);
  }

  /** The failed job that holds the key. */
  peek(key: Key): JobId | undefined {
    const entry = this.keys.get(key);
    return entry && !this.options.orderingDisabled?.(key) ? failedJobOf(entry.state) : undefined;
  }

  /** Asked right before a job is sent: whether another job of its key has failed since it entered. */
  wait(key: Key, jobId: JobId): WaitResult<JobId> {
    const entry = this.keys.get(key);
    if (!entry) return GO_ON;
    const failedJobId = failedJobOf(entry.state);
    if (failedJobId === undefined || this.options.orderingDisabled?.(key)) return GO_ON;
    this.checkSequence('wait', key, entry.state, jobId, failedJobId);
    return { wait: failedJobId !== jobId, previousFailedJobId: failedJobId };
  }

  /**
   * Tells what became of a job. `failed` (to be retried) takes effect at once; tell the others after they were persisted.
   * They take effect with the next `sync()` when the key is held or limited. In any other key the job just leaves.
   * @throws UnsupportedStateError for any other state.
   */
  stateChanged(key: Key, jobId: JobId, state: JobState): void {
    checkJobState(state);
    if (state === 'failed') return this.failed(key, jobId);
    const entry = this.keys.leaveAlone(key, jobId);
    if (entry?.open) this.left(key, jobId, entry);
    else if (entry) this.changes.push({ key, jobId, state });
  }

  /** Applies the state changes told since the last time, and returns how many. Call it before reading what to enter next. */
  sync(): number {
    if (this.changes.length === 0) return 0;
    const concurrencyLimit = this.options.concurrencyLimit();
    const changes = this.changes;
    this.changes = [];
    for (const change of changes) this.apply(change, concurrencyLimit);
    return changes.length;
  }

  /** Whether the key has no order now, by the threshold or by `orderingDisabled`. */
  disabled(key: Key): boolean {
    return this.keys.get(key)?.state.ordering === 'disabled' || (this.options.orderingDisabled?.(key) ?? false);
  }

  /** How many keys have a failed job, a limiter or a job inside. */
  get size(): number {
    return this.keys.size;
  }

  /** `Barrier{zone: eu[{key: a, failedJobId: 1, inside: [2, 3]}]}`: the metadata, then every key. */
  toString(): string {
    const keys = [...this.keys].map(
      ([key, { state, inside }]) =>
        `{key: ${key}, failedJobId: ${failedJobOf(state) ?? 'none'}, inside: [${[...inside].join(', ')}]}`,
    );
    return `Barrier{${this.metadata()}[${keys.join(', ')}]}`;
  }

  /** Holds a key as it was before a restart. A key that has no order any more is held by nothing. */
  protected restoreHold(key: Key, failedJobId: JobId): boolean {
    if (this.options.orderingDisabled?.(key)) return false;
    const entry = this.keys.getOrMake(key);
    this.become(key, entry, { ordering: 'enabled', gate: { kind: 'held', failedJobId, restored: true } });
    return true;
  }

  private failed(key: Key, jobId: JobId): void {
    if (this.disabled(key)) return this.leave(key, jobId);
    const entry = this.keys.getOrMake(key);
    const failedJobId = failedJobOf(entry.state);
    if (failedJobId !== undefined) this.checkSequence('failed', key, entry.state, jobId, failedJobId);
    entry.leave(jobId);
    const next = onGate(entry.state, (gate) => afterFailure(gate, jobId));
    this.become(key, entry, next);
  }

  private apply({ key, jobId, state }: Change<Key, JobId>, concurrencyLimit: number): void {
    const entry = this.keys.leaveAlone(key, jobId);
    if (!entry) return;
    const next = onGate(entry.state, (gate) => afterPersisted(gate, jobId, state, concurrencyLimit));
    this.become(key, entry, next);
    this.left(key, jobId, entry);
  }

  private left(key: Key, jobId: JobId, entry: KeyEntry<JobId>): void {
    entry.leave(jobId);
    if (entry.idle) this.keys.forget(key);
  }

  private updateOrdering(key: Key, entry: KeyEntry<JobId>, jobId: JobId, threshold: number): void {
    if (entry.state.ordering !== 'enabled') {
      this.become(key, entry, afterTime(entry.state, this.options.clock.monotonic(), this.options));
    }
    if (threshold > 0 && entry.inside.crowded(threshold, jobId)) this.disable(key, entry);
  }

  private disable(key: Key, entry: KeyEntry<JobId>): void {
    entry.inside.loseOrder();
    this.become(key, entry, { ordering: 'disabled', sinceMs: this.options.clock.monotonic() });
  }

  /** The one place where a key's state changes. */
  private become(key: Key, entry: KeyEntry<JobId>, state: KeyState<JobId>): void {
    const before = failedJobOf(entry.state);
    const after = failedJobOf(state);
    entry.state = state;
    if (before !== after) this.options.onHoldChanged?.(key, after);
  }

  private checkSequence(
    at: IllegalSequencePoint,
    key: Key,
    state: KeyState<JobId>,
    jobId: JobId,
    failedJobId: JobId,
  ): void {
    if (jobId >= failedJobId || !isStrict(state)) return;
    this.options.onIllegal?.(at, key, jobId, failedJobId);
    if (this.options.onIllegalSequence === 'report') return;
    const context = [this.metadata(), this.options.debugInfo?.(key)].filter(Boolean).join('; ');
    throw new IllegalJobSequenceError(at, key, jobId, failedJobId, context);
  }

  private metadata(): string {
    return Object.entries(this.options.metadata)
      .map(([name, value]) => `${name}: ${value}`)
      .join(', ');
  }
}
