import type { RetryPolicy } from 'nestjs-turnpike/timing';
import { NonRetryableError, NoHandlerError, UnknownDestinationError } from '../outbox.errors.js';
import { attemptOf, type Item } from './item.js';
import type { FailedAttempt } from './message.js';

/** What a failed delivery leads to. */
export type Verdict = {
  /** Deliveries that count, this one included. */
  readonly attempts: number;
  readonly history: readonly FailedAttempt[];
} & ({ readonly kind: 'retry'; readonly delayMs: number } | { readonly kind: 'bury' });

/** How much of a history is kept: its newest attempts, and the beginning of each error. */
const MAX_HISTORY = 20;
const MAX_ERROR_LENGTH = 1000;

/**
 * Retried by the policy until that ends; what will never be taken is buried at once. What this process has no handler or
 * publisher for is retried for ever: another one may have it, as in a rolling deploy.
 */
export function verdictOf(item: Item, error: Error, policy: RetryPolicy, nowMs: number): Verdict {
  const attempts = attemptOf(item);
  const failure = { attempt: attempts, atMs: nowMs, error: error.message.slice(0, MAX_ERROR_LENGTH) };
  const history = [...item.history, failure].slice(-MAX_HISTORY);
  if (error instanceof NonRetryableError) return { kind: 'bury', attempts, history };
  const delayMs = policy.delayFor(attempts);
  if (delayMs !== undefined) {
    return { kind: 'retry', attempts, history, delayMs: Math.max(delayMs, retryAfterMsOf(error)) };
  }
  if (!isUnroutable(error)) return { kind: 'bury', attempts, history };
  const before = attempts - 1;
  return { kind: 'retry', attempts: before, history, delayMs: policy.delayFor(Math.max(1, before)) ?? LAST_DELAY_MS };
}

const LAST_DELAY_MS = 60_000;

/** This process cannot deliver it, which says nothing about the message or its destination. */
export function isUnroutable(error: Error): boolean {
  return error instanceof NoHandlerError || error instanceof UnknownDestinationError;
}

const MAX_RETRY_AFTER_MS = 86_400_000;

/** How long the destination has asked to be left alone; 0 when it has not. */
export function retryAfterMsOf(error: Error & { readonly retryAfterMs?: unknown }): number {
  const { retryAfterMs } = error;
  return typeof retryAfterMs === 'number' && retryAfterMs > 0 ? Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) : 0;
}
