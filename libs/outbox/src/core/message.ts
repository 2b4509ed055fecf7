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
}

/** A message as its transaction writes it. */
export interface NewEntry {
  readonly shard: number;
  readonly messageId: string;
  readonly namespace: string;
  readonly topic: string;
  readonly key: string | null;
  readonly payload: Uint8Array;
  readonly contentType: ContentType;
  readonly headers: Readonly<Record<string, string>>;
}

export type ContentType = 'application/json' | 'application/octet-stream';

/** An entry as the relay reads it. */
export interface StoredEntry extends NewEntry {
  /** In commit order within the shard: what commits later has a higher one. */
  readonly id: bigint;
  readonly createdAtMs: number;
}

/** An entry that waits in the parked table: failed, or behind a failed one of its key. */
export interface ParkedEntry extends StoredEntry {
  /** Deliveries that were started; 0 for one that waits behind another. */
  readonly attempts: number;
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

/** The unit of order: two entries with the same one are delivered one after the other; undefined has no order. */
export function orderKey(entry: NewEntry): string | undefined {
  // NUL cannot occur in either part: `encodeMessage` refuses it.
  return entry.key === null ? undefined : `${entry.namespace}\u0000${entry.key}`;
}
