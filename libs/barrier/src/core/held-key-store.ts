/** A key that is held, as it is stored: whatever the barrier's types, keys are text and job ids are 64-bit integers. */
export interface HeldKey {
  readonly key: string;
  readonly failedJobId: bigint;
  /** When the key became held, in ms since the epoch by the holder's clock. */
  readonly sinceMs: number;
  /** What the job failed with last, if that was told. */
  readonly lastError: string | undefined;
}

export interface HoldChanges {
  /** These keys are held now: new rows, or newer states of rows that are there. */
  readonly held: readonly HeldKey[];
  /** These keys are held no more. */
  readonly released: readonly string[];
}

/** The longest texts that a store takes, in UTF-16 units. They must be well-formed and without NUL. */
export const MAX_BARRIER_LENGTH = 128;
export const MAX_KEY_LENGTH = 512;
export const MAX_ERROR_LENGTH = 1000;

/**
 * Where held keys live: one row per (barrier, key).
 *
 * - A barrier's rows have one writer at a time, the process that runs the barrier; there is no fence between two.
 * - Barriers and keys are compared byte for byte: `a`, `A` and `a ` (with a blank) are three. Otherwise the release of one
 *   key would take the hold of another.
 * - The latest state of a key is the only one that counts, so `save` may be repeated: a writer that does not know
 *   whether a failed save was applied (or a part of it) sends the same or a newer state again.
 * - A key is in at most one of `held` and `released`. Their number is not limited.
 *
 * Both methods may reject with the database's own error.
 */
export interface HeldKeyStore {
  /** The barrier's rows, the longest held first. */
  load(barrier: string): Promise<HeldKey[]>;

  /** Resolves when every change is stored. Releasing a key without a row changes nothing. */
  save(barrier: string, changes: HoldChanges): Promise<void>;
}
