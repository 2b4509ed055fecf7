/** How payloads become bytes and back, for an outbox of one's own taste. */
export interface PayloadCodec {
  /** Stored with each message, so that one written by another codec is not decoded by this one; at most 100 characters. */
  readonly contentType: string;
  encode(payload: unknown): Uint8Array;
  decode(body: Uint8Array): unknown;
}

/** The content type of payloads that were bytes already. */
export const BYTES = 'application/octet-stream';

export const JSON_CODEC: PayloadCodec = {
  contentType: 'application/json',
  encode: (payload) => {
    const text = JSON.stringify(payload);
    if (text === undefined) throw new TypeError(`${typeof payload} is nothing that JSON can hold`);
    // JSON.stringify escapes lone surrogates and NUL, so the text is well-formed UTF-8 whatever it was made of.
    return Buffer.from(text);
  },
  decode: (body) => JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()),
};

/** Decodes by what each message was encoded with; bytes are given as they are. */
export function decodePayload(body: Uint8Array, contentType: string, codec: PayloadCodec | undefined): unknown {
  if (codec?.contentType === contentType) return codec.decode(body);
  if (contentType === BYTES) return body;
  if (contentType === JSON_CODEC.contentType) return JSON_CODEC.decode(body);
  throw new Error(`There is no codec for ${contentType}: give the one that it was published with to OutboxModule.`);
}
