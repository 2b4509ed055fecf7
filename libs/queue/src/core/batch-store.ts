/** A batch on its way into the store. */
export interface NewBatch {
  /** `Codec.name` of the codec that encoded it. */
  readonly codec: string;
  readonly items: number;
  readonly data: Uint8Array;
}

export interface StoredBatch extends NewBatch {
  /** Grows with every batch that is stored, and is never given twice. */
  readonly id: number;
}

/** Batches that one worker holds until the claim's end, unless it renews. */
export interface Claim {
  /** Unique to this claim. A batch carries the token of its latest claim. */
  readonly token: string;
  /** By id, so oldest first; at least one. */
  readonly batches: readonly StoredBatch[];
}

export interface StoreStats {
  readonly batches: number;
  readonly items: number;
  /** Undefined when nothing is stored. */
  readonly oldestAgeMs: number | undefined;
}

/** An item that failed alone, when its attempts were used up. */
export interface NewDeadLetter {
  readonly codec: string;
  /** The item as a batch of one. */
  readonly data: Uint8Array;
  /** What the last attempt failed with. */
  readonly error: string;
}

export interface StoredDeadLetter extends NewDeadLetter {
  /** Grows with every dead letter, and is never given twice. */
  readonly id: number;
  /** When it was stored, in ms since the epoch by the store's clock. */
  readonly diedAtMs: number;
}

/** What becomes of batches that were processed in part. */
export interface Replacement {
  /** What was not processed: available at once, in one batch if there is any. */
  readonly rest: readonly NewBatch[];
  readonly deadLetters: readonly NewDeadLetter[];
}

/** The part of a store that an operator uses. */
export interface DeadLetterStore {
  /** Up to `limit` dead letters with an id above `afterId`, by id. */
  listDeadLetters(limit: number, afterId: number): Promise<StoredDeadLetter[]>;

  /**
   * Makes each of them an available batch; returns how many. Atomic: of two overlapping calls each dead letter is
   * requeued by one, or its item would be processed twice.
   */
  requeueDeadLetters(ids: readonly number[]): Promise<number>;

  /** Deletes them; returns how many there were. */
  purgeDeadLetters(ids: readonly number[]): Promise<number>;
}

/**
 * Where one queue's batches are kept, first in, first out. Several processes may share what is behind it.
 *
 * A stored batch is *available*, *claimed* or *cooling down*. It is claimed for `claimMs` and cools down for
 * `cooldownMs`; when that time is over it is available again, which the store's own clock decides: two processes whose
 * clocks differ would otherwise hold a batch at the same time.
 *
 * The calls of one store may overlap. `batchStoreContract` (nestjs-turnpike/queue/testing) is this contract as tests.
 */
export interface BatchStore extends DeadLetterStore {
  /** True when other processes can store and claim the same batches: then idle workers look for them now and then. */
  readonly shared: boolean;

  /**
   * Called once, before anything else. Throws `CodecMismatchError` when batches of another codec are stored, and
   * changes nothing then. What it cannot open it leaves as it is.
   */
  open(codec: string): Promise<void>;

  /**
   * Stores the batches in this order, all or none, and resolves once they survive a crash of the process.
   * An error can mean that the commit's answer was lost: the queue appends again, and then both are processed.
   */
  append(batches: readonly NewBatch[]): Promise<void>;

  /**
   * Takes up to `limit` available batches: those that became available first, and of one time those with the lowest
   * ids. It must not walk over those that cool down: during an outage they become many.
   *
   * Atomic: of two overlapping claims each batch goes to one. A claim must not wait for rows that another claim is
   * taking; it passes over them.
   */
  claim(limit: number, claimMs: number): Promise<Claim | undefined>;

  /** In how many ms the next batch becomes available: 0 when one is, undefined when none is stored. */
  nextDueInMs(): Promise<number | undefined>;

  /**
   * Makes the claim last `claimMs` from now, for those batches that still carry its token. False when that was not all:
   * another claim has taken some, so the holder must stop.
   */
  renew(claim: Claim, claimMs: number): Promise<boolean>;

  /**
   * Deletes those batches of the claim that still carry its token; false when that was not all. A worker that stalled
   * beyond its claim's end would otherwise delete batches that another one is processing. One whose claim ended, but
   * whose batches nobody took, may complete them: they have been processed.
   */
  complete(claim: Claim): Promise<boolean>;

  /**
   * Gives back those batches that still carry the token; false when that was not all. They become available after
   * `cooldownMs`; without a cooldown at once, and in the place that they had when they were stored.
   */
  release(claim: Claim, cooldownMs: number): Promise<boolean>;

  /**
   * Deletes all batches of the claim and stores what replaces them, in one transaction. False: another claim has taken
   * some, and nothing was written: whoever took them will find the same poison items, which would be dead twice.
   */
  replace(claim: Claim, replacement: Replacement): Promise<boolean>;

  stats(): Promise<StoreStats>;

  /** Called once, when no other call is under way. */
  close(): Promise<void>;
}
