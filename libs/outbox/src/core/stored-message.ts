import type { OutgoingMessage, StoredEntry } from './message.js';
import { decodePayload, type PayloadCodec } from './payload-codec.js';

/** Not an enumerable property: whoever prints or compares a message sees the message. */
const CODEC = Symbol('turnpike.codec');

/** An entry as its publisher gets it. The payload is decoded only for one that reads it: others send `body` on. */
export class StoredMessage implements OutgoingMessage {
  readonly id: string;
  readonly topic: string;
  readonly namespace: string;
  readonly key: string | undefined;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly createdAtMs: number;

  constructor(
    entry: StoredEntry,
    readonly attempt: number,
    codec?: PayloadCodec,
  ) {
    this.id = entry.messageId;
    this.topic = entry.topic;
    this.namespace = entry.namespace;
    this.key = entry.key ?? undefined;
    this.body = entry.payload;
    this.contentType = entry.contentType;
    this.headers = entry.headers;
    this.createdAtMs = entry.createdAtMs;
    if (codec) Object.defineProperty(this, CODEC, { value: codec });
  }

  get payload(): unknown {
    const value = decodePayload(this.body, this.contentType, (this as { [CODEC]?: PayloadCodec })[CODEC]);
    Object.defineProperty(this, 'payload', { value, enumerable: true });
    return value;
  }
}
