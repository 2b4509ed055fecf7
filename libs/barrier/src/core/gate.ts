import { assertNever } from './assert-never.js';
import type { PersistedState } from './job-state.js';

/** Who may enter an ordered key. */
export type Gate<JobId> =
  | { readonly kind: 'open' }
  /**
   * Only the failed job may. `restored`: since before a restart, which also brings earlier jobs back when their ends were not
   * persisted, so an illegal sequence is nobody's mistake.
   */
  | { readonly kind: 'held'; readonly failedJobId: JobId; readonly restored: boolean }
  /** The failed job was aborted: a few at a time may. `admitted` came in since then and are still inside. */
  | { readonly kind: 'limited'; readonly admitted: Set<JobId> };

export const OPEN = { kind: 'open' } as const;

/** The first failed job is kept: those that were under way when it failed do not take its place. */
export function afterFailure<JobId>(gate: Gate<JobId>, jobId: JobId): Gate<JobId> {
  return gate.kind === 'held' ? gate : { kind: 'held', failedJobId: jobId, restored: false };
}

/**
 * The gate after a job's state was persisted.
 *
 * | gate    | job        | succeeded, filtered | aborted                        | waiting |
 * |---------|------------|---------------------|--------------------------------|---------|
 * | open    | any        | open                | open                           | open    |
 * | held    | the failed | open                | limited (open without a limit) | held    |
 * | held    | another    | held                | held                           | held    |
 * | limited | any        | open                | open                           | limited |
 */
export function afterPersisted<JobId>(
  gate: Gate<JobId>,
  jobId: JobId,
  state: PersistedState,
  concurrencyLimit: number,
): Gate<JobId> {
  if (state === 'waiting') return gate;
  switch (gate.kind) {
    case 'open':
    case 'limited':
      return OPEN;
    case 'held':
      if (gate.failedJobId !== jobId) return gate;
      return state === 'aborted' && concurrencyLimit > 0 ? { kind: 'limited', admitted: new Set() } : OPEN;
    default:
      return assertNever(gate);
  }
}
