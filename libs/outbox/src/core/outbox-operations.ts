import type { FailedAttempt, OrderKey } from './message.js';

export interface DeadLetter {
  /** Names it, also when its message was sent to several destinations. */
  readonly id: bigint;
  readonly messageId: string;
  readonly namespace: string;
  readonly destination: string;
  readonly topic: string;
  readonly key: string | null;
  readonly payload: Uint8Array;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  readonly deadAtMs: number;
  readonly attempts: number;
  /** The newest attempts, at most 20. */
  readonly history: readonly FailedAttempt[];
  /** Its key waits for it. */
  readonly holds: boolean;
  /** What was asked for, and is about to be carried out by the relay that owns its shard. */
  readonly requested: 'requeue' | 'purge' | 'release' | null;
}

export interface DeadLetterFilter {
  readonly ids?: readonly bigint[];
  readonly topic?: string;
  readonly key?: string;
  readonly destination?: string;
  readonly namespace?: string;
}

export interface HeldKeyInfo extends OrderKey {
  readonly shard: number;
  /** The entry that the others wait for: a parked one that is retried, or a dead letter. */
  readonly headId: bigint;
  readonly waitsFor: 'retry' | 'dead letter';
  /** Of a retry: ms until it is due, by the database's clock; 0 when it is. */
  readonly dueInMs: number | undefined;
  readonly attempts: number;
  readonly lastError: string | undefined;
  /**
   * When the first of its remembered attempts failed, in ms since the epoch by the clock of the process that made it.
   * Undefined: it was not tried yet since the one before it got through.
   */
  readonly sinceMs: number | undefined;
}

/** What an operator has paused, until it is resumed: also for processes that start meanwhile. */
export interface Pause {
  /** Undefined: all of them, those that nobody knows yet too. */
  readonly destination: string | undefined;
  /** ms since the epoch, by the database's clock. */
  readonly sinceMs: number;
}

/** What operators see and ask for, in any process: the relay that owns the shard carries it out. */
export interface OutboxOperations {
  /** The newest first; `before`: those with a lower id, for the next page. */
  deadLetters(filter: DeadLetterFilter, limit: number, before?: bigint): Promise<DeadLetter[]>;

  /** Marks those that match, and gives the shards that they belong to. */
  request(
    kind: 'requeue' | 'purge',
    filter: DeadLetterFilter,
  ): Promise<{ readonly count: number; readonly shards: readonly number[] }>;

  listHeldKeys(limit: number): Promise<HeldKeyInfo[]>;

  /** Lets the key go on without its head, which becomes (or stays) a dead letter. False: it is not held. */
  release(key: OrderKey): Promise<{ readonly shards: readonly number[] }>;

  /** How many requests to requeue, purge or release are still to be carried out. */
  outstanding(): Promise<number>;

  /** Nothing more goes out to the destination, or to any, whatever process it is. What is paused already stays as it is. */
  pause(destination?: string): Promise<void>;

  /** Ends the pause of the destination, or every pause. False: there was none. One of all is not ended for one of them. */
  resume(destination?: string): Promise<boolean>;

  /** The oldest first. */
  pauses(): Promise<Pause[]>;
}
