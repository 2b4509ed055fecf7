/** What a user publishes. */
export interface OutboxMessage {
  /** What happened, such as `order.placed`; 1 to 255 characters. */
  readonly topic: string;
  /** Anything that JSON can hold, or bytes, which are kept as they are. */
  readonly payload: unknown;
  /** Messages of one key are delivered in the order of their commits; at most 255 characters. None: no order. */
  readonly key?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Tells deliveries of the same message apart from others: a UUIDv7 when absent; at most 255 characters. */
  readonly id?: string | undefined;
  /**
   * Delivers it no sooner than this many ms after its transaction was written, by the database's clock. It takes its place
   * among the messages of its key when it is due.
   */
  readonly delayMs?: number | undefined;
  /** As `delayMs`, until this time. */
  readonly availableAt?: Date | undefined;
}

/** A message for one destination, as its transaction writes it. */
export interface NewEntry {
  readonly shard: number;
  readonly messageId: string;
  readonly namespace: string;
  /** The name of the publisher that it is for. */
  readonly destination: string;
  readonly topic: string;
  readonly key: string | null;
  readonly payload: Uint8Array;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  /** When it is due, by the database's clock; absent: at once. */
  readonly due?: Due | undefined;
}

export type Due = { readonly inMs: number } | { readonly atMs: number };

/** An entry as the relay reads it. */
export interface StoredEntry extends Omit<NewEntry, 'due'> {
  /** In commit order within the shard: what commits later has a higher one. Negative: delayed, not in the flow yet. */
  readonly id: bigint;
  readonly createdAtMs: number;
}

/** An entry that waits in the parked table: failed, behind a failed one of its key, or delayed. */
export interface ParkedEntry extends StoredEntry {
  /** Deliveries that were started and counted; 0 for one that waits behind another. */
  readonly attempts: number;
  readonly history: readonly FailedAttempt[];
}

/** What the history of an entry says of one attempt. */
export interface FailedAttempt {
  readonly attempt: number;
  /** ms since the epoch, by the clock of the process that made it. */
  readonly atMs: number;
  readonly error: string;
}

/** What a publisher gets. */
export interface OutgoingMessage {
  readonly id: string;
  readonly topic: string;
  readonly namespace: string;
  readonly key: string | undefined;
  /** The value that was published, or the bytes; decoded when it is first read. Throws when `body` is damaged. */
  readonly payload: unknown;
  /** The payload as it is stored: send this, with its `contentType`, where bytes are wanted. */
  readonly body: Uint8Array;
  /** `application/json`, `application/octet-stream` for bytes, or the codec's own. */
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Deliveries that were started, this one included: 1 for the first. */
  readonly attempt: number;
  readonly createdAtMs: number;
}

/** The unit of order: entries with the same three are delivered one after the other. */
export interface OrderKey {
  readonly namespace: string;
  readonly destination: string;
  readonly key: string;
}

/** An order key as text; undefined for an entry without a key, which has no order. */
export function orderKey(entry: { namespace: string; destination: string; key: string | null }): string | undefined {
  // NUL cannot occur in any part: `encodeMessage` refuses it.
  return entry.key === null ? undefined : `${entry.namespace}\u0000${entry.destination}\u0000${entry.key}`;
}
