import type { FailedAttempt, NewEntry, OrderKey, ParkedEntry, StoredEntry } from './message.js';
import type { Pause } from './outbox-operations.js';

/** A shard that this process works on, with the token that fences its writes. */
export interface ClaimedShard {
  readonly shard: number;
  readonly token: bigint;
}

export interface OpenedShard extends ClaimedShard {
  /** All entries of the flow up to this id are settled, or moved elsewhere: reading begins behind it. */
  readonly position: bigint;
}

/** Where a shard's next read goes on, and how many entries it may give. */
export interface ReadFrom {
  readonly shard: number;
  readonly after: bigint;
  readonly limit: number;
}

/** The key whose messages wait for `headId`: a parked entry to be through, or a dead letter to be requeued or purged. */
export interface HeldKey extends OrderKey {
  readonly shard: number;
  readonly headId: bigint;
}

export interface DueEntries {
  /** Parked entries whose time has come, the longest due first: heads of keys, keyless ones, and delayed ones (negative ids). */
  readonly due: readonly ParkedEntry[];
  /** ms until the next one that is not due yet; undefined when there is none. */
  readonly nextInMs: number | undefined;
}

/** What an operator has asked for, in whatever process; the shard's owner carries it out. */
export interface OperatorRequest {
  readonly kind: 'requeue' | 'purge' | 'release';
  readonly shard: number;
  /** Of the dead letter; for `release`, of the dead letter or the parked head that holds its key. */
  readonly id: bigint;
  readonly from: 'parked' | 'dead';
  readonly key: OrderKey | undefined;
  readonly attempts: number;
  readonly history: readonly FailedAttempt[];
}

/**
 * A change of what waits. The parked table has, of each key, the entries that wait, in id order. The first is the head: it
 * has a due time; those behind it have none, and neither has a key that waits for a dead letter.
 */
export type Change = { readonly claim: ClaimedShard } & (
  | /** From the flow to the parked table, behind; `due`: to be sent at once, for entries without a key. */ {
      readonly kind: 'move';
      readonly ids: readonly bigint[];
      readonly due: boolean;
    }
  | /** A parked entry gets a due time, from now by the database's clock. */ {
      readonly kind: 'putOff';
      readonly id: bigint;
      readonly attempts: number;
      readonly delayMs: number;
      readonly history: readonly FailedAttempt[];
    }
  | /** From the parked table to the dead letters; `holds`: its key waits for it. */ {
      readonly kind: 'bury';
      readonly id: bigint;
      readonly holds: boolean;
      readonly attempts: number;
      readonly history: readonly FailedAttempt[];
    }
  | /** Parked entries that have arrived. */ { readonly kind: 'remove'; readonly ids: readonly bigint[] }
  | /** Delayed entries whose time has come go into the flow, under new ids. They may stay due instead, as while a
     * publishing transaction has their shard: nothing is waited for. */ {
      readonly kind: 'flow';
      readonly ids: readonly bigint[];
    }
  | /** From the dead letters to the parked table, due at once, its attempts counted anew. */ {
      readonly kind: 'requeue';
      readonly id: bigint;
    }
  | /** A dead letter is deleted. */ { readonly kind: 'purge'; readonly id: bigint }
  | /** A dead letter stays, and its key waits for it no longer. */ { readonly kind: 'release'; readonly id: bigint }
  | /**
     * What the key waits for now: a dead letter that holds it, or the first parked entry, which is made due at once if it
     * has no due time. Nothing: the key is open. The answer is in `heads`.
     */ { readonly kind: 'passOn'; readonly key: OrderKey }
);

/** A change without its claim. */
export type Unclaimed<C extends Change> = C extends Change ? Omit<C, 'claim'> : never;

/** What a key waits for: a parked entry that is due now, or later; or a dead letter. */
export interface Head {
  readonly id: bigint;
  readonly kind: 'due' | 'later' | 'dead';
}

export interface Rearranged {
  /** The shards whose token was no longer the newest: none of their changes was made. */
  readonly fenced: readonly number[];
  /** For each `passOn` that was made, by `orderKey`: what the key waits for; undefined when it is open. */
  readonly heads: ReadonlyMap<string, Head | undefined>;
}

export interface Backlog {
  /** Entries in the flow, counted up to 100,000. */
  readonly pending: number;
  readonly parked: number;
  readonly deadLetters: number;
  /** How long the oldest entry in the flow has been there, in ms; 0 when there is none. */
  readonly oldestAgeMs: number;
}

/**
 * Where the relay finds messages. `Tx` is what the implementation writes a message in: the caller's transaction.
 *
 * A shard has one owner at a time, and each `claim` raises its token. Every write below repeats the token in the same
 * transaction: without that, a process that was stalled after its lease ended could delete or park entries that its
 * successor is about to deliver, and break the order of their key.
 *
 * A write that rejects may have been made or not. Making it again is safe while the shard is still ours.
 */
export interface OutboxStorage<Tx = unknown> {
  /**
   * Writes entries in the caller's transaction, right before its COMMIT. Ids are in commit order per shard: an entry that
   * commits later than another one of its shard has a higher id. They never repeat or go down, also when all are deleted.
   */
  publish(tx: Tx, entries: readonly NewEntry[]): Promise<void>;

  /** Takes the shards over: from now on their earlier owners' writes are fenced. */
  claim(shards: readonly number[]): Promise<OpenedShard[]>;

  /** The keys of these shards that wait for something, so that a new owner holds what the former one held. */
  heldKeys(shards: readonly number[]): Promise<HeldKey[]>;

  /**
   * The first entries after `after` of each shard, in id order. Since ids are in commit order, nothing with a lower id
   * appears later: the last id read is where the next read may go on.
   */
  read(from: readonly ReadFrom[]): Promise<StoredEntry[]>;

  /** Entries up to a shard's position, of which there should be none: what is found here would have been lost. */
  readBelow(positions: readonly { readonly shard: number; readonly position: bigint }[]): Promise<StoredEntry[]>;

  /** Deletes entries of the flow that have arrived. The answer names the shards whose entries were fenced, and stay. */
  settle(
    sent: readonly { readonly claim: ClaimedShard; readonly ids: readonly bigint[] }[],
  ): Promise<{ readonly fenced: readonly number[] }>;

  /** Makes the changes in their order, all in one transaction. */
  rearrange(changes: readonly Change[]): Promise<Rearranged>;

  /** What is due in these shards for these destinations. */
  due(shards: readonly number[], destinations: readonly string[], limit: number): Promise<DueEntries>;

  /** The parked entries of each key in id order, at most `limit` of each; delayed ones are left out. */
  parkedOf(keys: readonly (OrderKey & { readonly shard: number })[], limit: number): Promise<ParkedEntry[]>;

  /** What operators have asked for in these shards, the oldest first. */
  requests(shards: readonly number[], limit: number): Promise<OperatorRequest[]>;

  /** Remembers how far all is settled, for the next owner. */
  savePositions(positions: readonly OpenedShard[]): Promise<{ readonly fenced: readonly number[] }>;

  /** What operators have paused, by `OutboxOperations`. Read before anything is sent, and now and then. */
  pauses(): Promise<readonly Pause[]>;

  backlog(shards: readonly number[]): Promise<Backlog>;
}
