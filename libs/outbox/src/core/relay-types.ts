import type { Clock, RetryPolicy } from 'nestjs-turnpike/timing';
import type { OutgoingMessage, StoredEntry } from './message.js';
import type { OutageState } from './outage.js';
import type { OutboxStorage } from './outbox-storage.js';
import type { Publisher } from './publisher.js';

export interface RelayDependencies {
  readonly storage: OutboxStorage;
  /** By the destinations' names. */
  readonly publishers: ReadonlyMap<string, Publisher>;
  /** The delay before each further attempt; when it ends, the entry goes to the dead letters. */
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  /** Whether the shard's lease is this process's right now, by its own clocks. */
  readonly holds: (shard: number) => boolean;
  readonly toMessage: (entry: StoredEntry, attempt: number) => OutgoingMessage;
  /** What a key does after one of its messages became a dead letter. */
  readonly afterDeadLetter: 'hold' | 'continue';
  /** With `continue`: how many messages of that key may then be in a call at a time; 0: no limit. */
  readonly concurrencyLimit: number;
  /** How long an idle relay waits before it looks by itself, in ms; asked each time. */
  readonly pollMs: () => number;
  /** The most entries that a read gives. */
  readonly batchSize: number;
  /** The most messages of a destination that are in calls at a time. */
  readonly maxInFlight: number;
  readonly publishTimeoutMs: number;
  readonly observer: RelayObserver;
}

export interface RelayObserver {
  /** A call of a publisher has ended. */
  called(destination: string, entries: number, failed: number, durationMs: number): void;
  settled(entries: number, durationMs: number): void;
  failed(entry: StoredEntry, attempt: number, error: Error): void;
  deadLettered(entry: StoredEntry, attempts: number, error: Error): void;
  outage(destination: string, state: OutageState): void;
  /** Entries that the relay had passed over: with correct locks there are none. */
  foundLate(entries: readonly StoredEntry[]): void;
  /** A statement failed, and is tried again. */
  storageFailed(error: Error): void;
}

export interface PumpResult {
  /** Entries read, and parked ones that were due. */
  readonly read: number;
  readonly sent: number;
  readonly failed: number;
  /** Of those that failed, the ones that became dead letters. */
  readonly deadLettered: number;
  /** ms until something that waits is due; undefined when nothing is. */
  readonly nextInMs: number | undefined;
}

export interface DestinationStats {
  readonly name: string;
  /** `paused` by an operator; `away`: see `Publisher`. */
  readonly state: 'open' | 'paused' | 'away';
  readonly inFlight: number;
  /** Entries that are here and not sent yet, or not settled. */
  readonly buffered: number;
  /** Why it is away. */
  readonly reason: string | undefined;
}

export interface RelayStats {
  readonly shards: number;
  /** Messages in calls that have not ended. */
  readonly inFlight: number;
  readonly heldKeys: number;
  /** How long the longest hold has lasted in this process, in ms; 0 without any. */
  readonly oldestHoldAgeMs: number;
  /** Since the start of this process. */
  readonly sent: number;
  readonly failed: number;
  readonly deadLettered: number;
  /** Entries that the relay had passed over and found by its second look; anything but 0 is a defect worth a report. */
  readonly foundLate: number;
  readonly destinations: readonly DestinationStats[];
  /** The last error of the database; undefined since the last statement that went well. */
  readonly lastError: string | undefined;
}
