import { InvalidMessageError } from '../outbox.errors.js';
import type { Due, NewEntry, OutboxMessage } from './message.js';
import { BYTES, JSON_CODEC, type PayloadCodec } from './payload-codec.js';
import type { ShardMap } from './shard-map.js';

export const MAX_TEXT_LENGTH = 255;
/** Three names and an id must fit in an index of MySQL. */
export const MAX_DESTINATION_LENGTH = 100;

export interface EncodeOptions {
  readonly maxPayloadBytes: number;
  readonly shards: ShardMap;
  readonly newId: () => string;
  readonly codec?: PayloadCodec | undefined;
  /** The destinations of a message: an entry is made for each. */
  readonly route: (message: OutboxMessage) => readonly string[];
  /** Headers that every message gets, such as the trace that it is published in; the message's own win. */
  readonly addHeaders?: (() => Readonly<Record<string, string>>) | undefined;
}

type Refuse = (problem: string, cause?: unknown) => never;

/**
 * Encodes a message at once, in the caller's turn: what cannot be stored fails where it was published, and what the
 * caller changes afterwards changes nothing. Gives an entry per destination, all with one id. Throws `InvalidMessageError`.
 */
export function encodeMessage(message: OutboxMessage, namespace: string, options: EncodeOptions): NewEntry[] {
  const { topic } = message;
  const refuse: Refuse = (problem, cause) => {
    throw new InvalidMessageError(topic, problem, { cause });
  };
  checkText('its topic', topic, refuse);
  checkText('its namespace', namespace, refuse);
  if (message.key !== undefined) checkText('its key', message.key, refuse, 0);
  const messageId = message.id ?? options.newId();
  checkText('its id', messageId, refuse);
  const headers = { ...options.addHeaders?.(), ...message.headers };
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') refuse(`its header ${JSON.stringify(name)} is not text.`);
    if (!storable(name + value)) refuse(`its header ${JSON.stringify(name)} holds NUL or half a surrogate pair.`);
  }
  const { payload, contentType } = encodePayload(message.payload, options.codec, refuse);
  if (payload.byteLength > options.maxPayloadBytes) {
    refuse(`its payload has ${payload.byteLength} bytes, more than maxPayloadBytes (${options.maxPayloadBytes}).`);
  }
  const key = message.key ?? null;
  const due = dueOf(message, refuse);
  const shard = options.shards.of(namespace, key);
  const entry = { shard, messageId, namespace, topic, key, payload, contentType, headers, due };
  return destinationsOf(message, options, refuse).map((destination) => ({ ...entry, destination }));
}

function destinationsOf(message: OutboxMessage, { route }: EncodeOptions, refuse: Refuse): readonly string[] {
  const destinations = [...new Set(route(message))];
  if (destinations.length === 0) refuse('route gave it no destination.');
  for (const destination of destinations) checkText('its destination', destination, refuse, 1, MAX_DESTINATION_LENGTH);
  return destinations;
}

function dueOf({ delayMs, availableAt }: OutboxMessage, refuse: Refuse): Due | undefined {
  if (delayMs !== undefined && availableAt !== undefined) refuse('it has both delayMs and availableAt.');
  if (availableAt !== undefined) {
    const atMs = availableAt instanceof Date ? availableAt.getTime() : Number.NaN;
    return Number.isFinite(atMs) ? { atMs } : refuse('its availableAt is no valid Date.');
  }
  if (delayMs === undefined || delayMs === 0) return undefined;
  if (!(delayMs > 0 && delayMs <= MAX_DELAY_MS))
    refuse(`its delayMs is ${delayMs}, not between 0 and ${MAX_DELAY_MS}.`);
  return { inMs: Math.ceil(delayMs) };
}

/** A hundred years. */
const MAX_DELAY_MS = 100 * 365.25 * 86_400_000;

function encodePayload(
  value: unknown,
  codec: PayloadCodec | undefined,
  refuse: Refuse,
): { payload: Uint8Array; contentType: string } {
  if (value instanceof Uint8Array) return { payload: Uint8Array.from(value), contentType: BYTES };
  const { contentType, encode } = codec ?? JSON_CODEC;
  try {
    return { payload: Uint8Array.from(encode(value)), contentType };
  } catch (error) {
    return refuse(`its payload cannot be encoded (${error instanceof Error ? error.message : String(error)}).`, error);
  }
}

function checkText(what: string, text: string, refuse: Refuse, least = 1, most = MAX_TEXT_LENGTH): void {
  if (typeof text !== 'string') refuse(`${what} is not text.`);
  const length = characters(text);
  if (length < least) refuse(`${what} is empty.`);
  if (length > most) refuse(`${what} has ${length} characters, more than ${most}.`);
  if (!storable(text)) refuse(`${what} holds NUL or half a surrogate pair, which the databases cannot keep.`);
}

/** What a varchar counts: code points, not UTF-16 units. */
export function characters(text: string): number {
  return text.length <= MAX_TEXT_LENGTH ? text.length : Array.from(text).length;
}

function storable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}
