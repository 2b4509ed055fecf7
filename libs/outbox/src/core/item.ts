import type { FailedAttempt, ParkedEntry, StoredEntry } from './message.js';

/** An entry that this process has read and is not through with. */
export interface Item {
  readonly entry: StoredEntry;
  /** The table that it is in. */
  readonly from: 'flow' | 'parked';
  /** Deliveries that were started before. */
  readonly attempts: number;
  readonly history: readonly FailedAttempt[];
  /** The next delivery is counted already: whoever sends it after a crash wrote that down before. */
  readonly counted?: boolean;
  /** Tells the shard's checkpoint that the entry has left the flow. */
  readonly resolve?: () => unknown;
}

const NONE: readonly FailedAttempt[] = [];

export function fromFlow(entry: StoredEntry, resolve: () => unknown): Item {
  return { entry, from: 'flow', attempts: 0, history: NONE, resolve };
}

export function fromParked(entry: ParkedEntry): Item {
  return { entry, from: 'parked', attempts: entry.attempts, history: entry.history };
}

/** Which delivery the next one is, 1 for the first. */
export function attemptOf({ attempts, counted = false }: Item): number {
  return counted ? attempts : attempts + 1;
}

export function idOf({ entry }: Item): bigint {
  return entry.id;
}
