import { OPEN, type Gate } from './gate.js';

/**
 * What a key's order is at, and, while there is one, who may enter. Only an ordered key can be held or limited.
 * `sinceMs` is monotonic time: durations are settings that may change while the key is in a state.
 */
export type KeyState<JobId> =
  | { readonly ordering: 'enabled'; readonly gate: Gate<JobId> }
  /** Ordered again. Jobs from the time without order may still come, so an illegal sequence is nobody's mistake. */
  | { readonly ordering: 'halfEnabled'; readonly gate: Gate<JobId>; readonly sinceMs: number }
  | { readonly ordering: 'disabled'; readonly sinceMs: number };

export const ENABLED = { ordering: 'enabled', gate: OPEN } as const;

export interface OrderingDurations {
  readonly disabledForMs: () => number;
  readonly halfEnabledForMs: () => number;
}

/** Moves the gate of an ordered key. A disabled one has none, and stays as it is. */
export function onGate<JobId>(state: KeyState<JobId>, move: (gate: Gate<JobId>) => Gate<JobId>): KeyState<JobId> {
  if (state.ordering === 'disabled') return state;
  const gate = move(state.gate);
  return gate === state.gate ? state : { ...state, gate };
}

/** Goes one step from disabled over half-enabled to enabled, when the time of the present state is over. */
export function afterTime<JobId>(
  state: Exclude<KeyState<JobId>, { ordering: 'enabled' }>,
  nowMs: number,
  durations: OrderingDurations,
): KeyState<JobId> {
  const elapsedMs = nowMs - state.sinceMs;
  if (state.ordering === 'disabled') {
    return elapsedMs < durations.disabledForMs() ? state : { ordering: 'halfEnabled', gate: OPEN, sinceMs: nowMs };
  }
  return elapsedMs < durations.halfEnabledForMs() ? state : { ordering: 'enabled', gate: state.gate };
}

/** Whether a job that is earlier than the failed one has come out of order, by somebody's mistake. */
export function isStrict<JobId>(state: KeyState<JobId>): boolean {
  return state.ordering === 'enabled' && !(state.gate.kind === 'held' && state.gate.restored);
}

/** The failed job that the key is held by. */
export function failedJobOf<JobId>(state: KeyState<JobId>): JobId | undefined {
  return state.ordering !== 'disabled' && state.gate.kind === 'held' ? state.gate.failedJobId : undefined;
}
