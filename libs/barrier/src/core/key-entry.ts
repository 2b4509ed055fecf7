import { ENABLED, type KeyState } from './key-state.js';
import { JobsInside } from './jobs-inside.js';

/** What a barrier knows of one key. It exists while something is worth knowing. */
export class KeyEntry<JobId> {
  /** Changed by `Barrier.become` only. */
  state: KeyState<JobId> = ENABLED;
  readonly inside = new JobsInside<JobId>();

  static withJob<JobId>(jobId: JobId): KeyEntry<JobId> {
    const entry = new KeyEntry<JobId>();
    entry.enter(jobId);
    return entry;
  }

  /** Whether nothing need be known of the key. */
  get idle(): boolean {
    return this.open && this.inside.empty;
  }

  /** Whether every job may enter. */
  get open(): boolean {
    return this.state.ordering === 'disabled' || this.state.gate.kind === 'open';
  }

  /** Whether a job is one too many for the concurrency limit. One that was admitted already is not. */
  limitReached(jobId: JobId, concurrencyLimit: () => number): boolean {
    if (this.state.ordering === 'disabled' || this.state.gate.kind !== 'limited') return false;
    const { admitted } = this.state.gate;
    const limit = concurrencyLimit();
    return limit > 0 && admitted.size >= limit && !admitted.has(jobId);
  }

  enter(jobId: JobId): void {
    if (this.state.ordering === 'disabled') return this.inside.enterUnordered(jobId);
    this.inside.enter(jobId);
    if (this.state.gate.kind === 'limited') this.state.gate.admitted.add(jobId);
  }

  leave(jobId: JobId): void {
    this.inside.leave(jobId);
    if (this.state.ordering !== 'disabled' && this.state.gate.kind === 'limited')
      this.state.gate.admitted.delete(jobId);
  }
}
