import { InvalidMessageError } from '../outbox.errors.js';
import type { ContentType, NewEntry, OutboxMessage, OutgoingMessage, ParkedEntry } from './message.js';
import type { ShardMap } from './shard-map.js';

export const MAX_TEXT_LENGTH = 255;

export interface EncodeOptions {
  readonly namespace: string;
  readonly maxPayloadBytes: number;
  readonly shards: ShardMap;
  readonly newId: () => string;
}

/**
 * Encodes a message at once, in the caller's turn: what cannot be stored fails where it was published, and what the
 * caller changes afterwards changes nothing. Throws `InvalidMessageError`.
 */
export function encodeMessage(message: OutboxMessage, options: EncodeOptions): NewEntry {
  const { topic } = message;
  const refuse = (problem: string, cause?: unknown): never => {
    throw new InvalidMessageError(topic, problem, { cause });
  };
  checkText('its topic', topic, refuse);
  if (message.key !== undefined) checkText('its key', message.key, refuse, 0);
  const messageId = message.id ?? options.newId();
  checkText('its id', messageId, refuse);
  const headers = Object.fromEntries(Object.entries(message.headers ?? {}));
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') refuse(`its header ${JSON.stringify(name)} is not text.`);
    if (!storable(name + value)) refuse(`its header ${JSON.stringify(name)} holds NUL or half a surrogate pair.`);
  }
  const { payload, contentType } = encodePayload(message.payload, refuse);
  if (payload.byteLength > options.maxPayloadBytes) {
    refuse(`its payload has ${payload.byteLength} bytes, more than maxPayloadBytes (${options.maxPayloadBytes}).`);
  }
  const key = message.key ?? null;
  const shard = options.shards.of(options.namespace, key);
  return { shard, messageId, namespace: options.namespace, topic, key, payload, contentType, headers };
}

/** What the publisher gets of an entry, for the given delivery. */
export function decodeEntry(entry: ParkedEntry, attempt: number): OutgoingMessage {
  return new StoredMessage(entry, attempt);
}

/** Decodes its payload only for a publisher that reads it: one that sends `body` on has no use for the value. */
class StoredMessage implements OutgoingMessage {
  readonly id: string;
  readonly topic: string;
  readonly namespace: string;
  readonly key: string | undefined;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly createdAtMs: number;

  constructor(
    entry: ParkedEntry,
    readonly attempt: number,
  ) {
    this.id = entry.messageId;
    this.topic = entry.topic;
    this.namespace = entry.namespace;
    this.key = entry.key ?? undefined;
    this.body = entry.payload;
    this.contentType = entry.contentType;
    this.headers = entry.headers;
    this.createdAtMs = entry.createdAtMs;
  }

  get payload(): unknown {
    const { body, contentType } = this;
    const value = contentType === 'application/octet-stream' ? body : (JSON.parse(Buffer.from(body).toString()) as unknown);
    Object.defineProperty(this, 'payload', { value, enumerable: true });
    return value;
  }
}
function encodePayload(
  value: unknown,
  refuse: (problem: string, cause?: unknown) => never,
): { payload: Uint8Array; contentType: ContentType } {
  if (value instanceof Uint8Array) return { payload: Uint8Array.from(value), contentType: 'application/octet-stream' };
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    return refuse(`its payload is not JSON (${error instanceof Error ? error.message : String(error)}).`, error);
  }
  if (text === undefined) return refuse(`its payload is ${typeof value}, which JSON cannot hold.`);
  // JSON.stringify escapes lone surrogates and NUL, so the text is well-formed UTF-8 whatever it was made of.
  return { payload: Buffer.from(text), contentType: 'application/json' };
}

function checkText(what: string, text: string, refuse: (problem: string) => never, least = 1): void {
  if (typeof text !== 'string') refuse(`${what} is not text.`);
  const length = characters(text);
  if (length < least) refuse(`${what} is empty.`);
  if (length > MAX_TEXT_LENGTH) refuse(`${what} has ${length} characters, more than ${MAX_TEXT_LENGTH}.`);
  if (!storable(text)) refuse(`${what} holds NUL or half a surrogate pair, which the databases cannot keep.`);
}

/** What a varchar counts: code points, not UTF-16 units. */
export function characters(text: string): number {
  return Array.from(text).length;
}

function storable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}
