import { NonRetryableError, PublisherUnavailableError } from '../outbox.errors.js';
import { idOf, type Item } from './item.js';
import { orderKey } from './message.js';
import { isUnroutable, retryAfterMsOf } from './verdict.js';

/**
 * Tells a destination that is away from messages that it will not take.
 *
 * - `up`: calls go out. `streak` has the entries that failed since anything was sent.
 * - `down`: nothing goes out but a probe now and then, and no attempt counts. Anything that is sent ends it.
 *
 * A destination is away when its publisher says so, or when 3 different entries of at least 2 keys failed in a row and
 * none was sent. One entry alone, however often it fails, is its own trouble.
 */
export type OutageState =
  | { readonly kind: 'up'; readonly streak: ReadonlyMap<bigint, { readonly key: string; readonly first: Item }> }
  | {
      readonly kind: 'down';
      readonly probes: number;
      readonly sinceMs: number;
      readonly reason: string;
      readonly retryAfterMs: number;
    };

export interface CallResult {
  readonly item: Item;
  /** Undefined: sent. */
  readonly error: Error | undefined;
}

/** The streak that makes an outage. */
const ENTRIES = 3;
const KEYS = 2;

export const UP: OutageState = { kind: 'up', streak: new Map() };

/** The state after a call has ended. While it is `down`, the failures of the call do not count. */
export function afterCall(state: OutageState, results: readonly CallResult[], nowMs: number): OutageState {
  const unavailable = results.find(({ error }) => error instanceof PublisherUnavailableError)?.error;
  if (unavailable) return wentDown(state, nowMs, unavailable.message, retryAfterMsOf(unavailable));
  // A refusal is an answer too.
  if (results.some(({ error }) => !error || error instanceof NonRetryableError)) return UP;
  const blamed = results.filter(({ error }) => error && !isUnroutable(error));
  if (blamed.length === 0) return state;
  if (state.kind === 'down') return wentDown(state, nowMs, state.reason);
  const streak = new Map(state.streak);
  for (const { item } of blamed) {
    const key = orderKey(item.entry) ?? `${idOf(item)}`;
    // More of one key alone make no outage, however many fail.
    const ofKey = [...streak.values()].filter((other) => other.key === key).length;
    if (!streak.has(idOf(item)) && ofKey < ENTRIES - 1) streak.set(idOf(item), { key, first: item });
  }
  const keys = new Set([...streak.values()].map(({ key }) => key));
  if (streak.size < ENTRIES || keys.size < KEYS) return { kind: 'up', streak };
  return wentDown(state, nowMs, `${streak.size} messages in a row failed: ${blamed[0]?.error?.message ?? ''}`);
}

function wentDown(state: OutageState, nowMs: number, reason: string, retryAfterMs = 0): OutageState {
  if (state.kind === 'down') return { ...state, probes: state.probes + 1, reason, retryAfterMs };
  return { kind: 'down', probes: 1, sinceMs: nowMs, reason, retryAfterMs };
}
