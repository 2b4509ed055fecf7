import { type Clock } from '../clock.js';

/**
 * Decides whether, and after which delay, something that failed is tried again. One instance is one run of attempts:
 *
 *     for (const run = policy.derive(); await run.attempt(signal); ) {
 *       if (await succeeded()) return;
 *     }
 *
 * Something that keeps its attempts elsewhere (a row with a count) asks `delayFor` instead, which needs no run.
 */
export interface RetryPolicy {
  /**
   * Waits until it is time for the next attempt. The first one is due at once, each later one after its interval,
   * counted from this call. False: the attempts are used up, or the signal aborted; then it waits no longer.
   */
  attempt(signal?: AbortSignal): Promise<boolean>;
  /**
   * The delay in ms before the attempt that follows attempt number `attempt` (from 1), jitter included;
   * undefined when `attempt` was the last one. Depends on no earlier call.
   */
  delayFor(attempt: number): number | undefined;
  /** How long to leave it alone, in ms, when the attempts are used up. */
  readonly cooldownMs: number;
  /** A new run by the same policy, nothing used up; on another clock or randomness if these are given. */
  derive(environment?: Partial<RetryEnvironment>): RetryPolicy;
}

/** What a policy needs of the world. */
export interface RetryEnvironment {
  readonly clock: Clock;
  /** A number in `[0, 1)`, as Math.random gives it. */
  readonly random: () => number;
}
