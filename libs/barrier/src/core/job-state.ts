import { UnsupportedStateError } from '../barrier.errors.js';

/**
 * The states that the barrier is told after they were persisted. `filtered`: it was decided not to send the job. `aborted`: it
 * ended without success. `waiting`: it goes back and asks again later.
 */
export type PersistedState = 'succeeded' | 'filtered' | 'aborted' | 'waiting';

/** `failed`: the job will be retried, and holds its key from now on. A failure for good is `aborted`. */
export type JobState = PersistedState | 'failed';

/** Callers read states from rows and messages, where the compiler sees only a string. */
export function checkJobState(state: JobState): void {
  switch (state) {
    case 'succeeded':
    case 'filtered':
    case 'aborted':
    case 'waiting':
    case 'failed':
      return;
    default:
      throw new UnsupportedStateError(state satisfies never);
  }
}
