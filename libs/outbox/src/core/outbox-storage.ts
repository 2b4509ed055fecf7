import type { ParkedEntry, StoredEntry } from './message.js';

/** A shard that this process works on, with the token that fences its writes. */
export interface ClaimedShard {
  readonly shard: number;
  readonly token: bigint;
}

/** The key whose messages wait for `headId` to be through. */
export interface HeldKey {
  readonly shard: number;
  readonly orderKey: string;
  readonly headId: bigint;
}

/** An entry to be tried again. */
export interface Retry {
  readonly entry: ParkedEntry;
  readonly error: string;
  /** From now, by the database's clock. */
  readonly delayMs: number;
}

/** What became of a key's parked entries, in one step. */
export interface ParkedOutcome {
  readonly claim: ClaimedShard;
  readonly namespace: string;
  /** null: an entry without a key, which nothing waits behind. */
  readonly key: string | null;
  readonly sent: readonly bigint[];
  /** The one that failed again; none when all that were tried are through. */
  readonly retry: Retry | undefined;
}

/** `fenced`: the token was no longer the shard's newest, and nothing was written. */
export type Fenced<Value = unknown> = { readonly fenced: true } | ({ readonly fenced: false } & Value);

export interface DueEntries {
  /** Heads of keys and keyless entries whose time has come, the longest due first. */
  readonly due: readonly ParkedEntry[];
  /** ms until the next one that is not due yet; undefined when there is none. */
  readonly nextInMs: number | undefined;
}

/**
 * Where the relay finds messages. `Tx` is what the implementation writes a message in: the caller's transaction.
 *
 * A shard has one owner at a time, and each `claim` raises its token. Every write below repeats the token in the same
 * transaction: without that, a process that was stalled after its lease ended could delete or park entries that its
 * successor is about to deliver, and break the order of their key.
 */
export interface OutboxStorage {
  /** Takes the shards over: from now on their earlier owners' writes are fenced. */
  claim(shards: readonly number[]): Promise<ClaimedShard[]>;

  /** The keys of these shards that have parked entries, so that a new owner holds what the former one held. */
  heldKeys(shards: readonly number[]): Promise<HeldKey[]>;

  /**
   * The first entries after `after` of each shard, in id order, at most `limit` of each. Ids are in commit order, so
   * nothing with a lower id appears later: the last id read is where the next read may go on.
   */
  read(from: readonly { readonly shard: number; readonly after: bigint }[], limit: number): Promise<StoredEntry[]>;

  /** Deletes what was sent. The answer names the shards whose entries were fenced, and stay. */
  settle(
    sent: readonly { readonly claim: ClaimedShard; readonly id: bigint }[],
  ): Promise<{ fenced: readonly number[] }>;

  /** Moves entries of one shard out of the flow: `failed` ones until their retry, those `behind` until their key opens. */
  park(claim: ClaimedShard, failed: readonly Retry[], behind: readonly bigint[]): Promise<Fenced>;

  /** What is to be tried again in these shards. */
  due(shards: readonly number[], limit: number): Promise<DueEntries>;

  /** The parked entries of a key in id order, the head first. */
  parkedOf(head: ParkedEntry, limit: number): Promise<ParkedEntry[]>;

  /**
   * Deletes what was sent, puts the retry off, and makes the key's first entry that is left its head: due at once, unless
   * it is the retry. `head` is undefined when none is left: the key is open.
   */
  settleParked(outcome: ParkedOutcome): Promise<Fenced<{ readonly head: bigint | undefined }>>;
}
