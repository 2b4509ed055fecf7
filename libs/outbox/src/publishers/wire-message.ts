import type { OutgoingMessage } from '../core/message.js';
import { attributesOf, STRUCTURED_CONTENT_TYPE, structuredBody, type CloudEventsOptions } from './cloud-events.js';

/** The names of what a broker has no field of its own for. */
export const FIELD = {
  id: 'turnpike-id',
  topic: 'turnpike-topic',
  namespace: 'turnpike-namespace',
  key: 'turnpike-key',
  contentType: 'turnpike-content-type',
} as const;

/** A message as brokers carry it. */
export interface WireMessage {
  readonly body: Buffer;
  readonly contentType: string;
  /** The message's own. */
  readonly headers: Readonly<Record<string, string>>;
  /** In binary mode, the attributes of its event by the names that they have on the wire. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** How a broker's binding of CloudEvents puts attributes into its own fields in binary mode. */
export interface EventBinding {
  readonly prefix: string;
  /** Default: as they are. */
  readonly encode?: (value: string) => string;
  /** `datacontenttype` is a field like the others, beside the content type. Default: false. */
  readonly repeatsContentType?: boolean;
}

export function wireMessage(
  message: OutgoingMessage,
  cloudEvents: CloudEventsOptions | undefined,
  binding: EventBinding,
): WireMessage {
  const { headers } = message;
  if (cloudEvents?.mode === 'structured') {
    const body = bufferOf(structuredBody(message, cloudEvents));
    return { body, contentType: STRUCTURED_CONTENT_TYPE, headers, attributes: {} };
  }
  const attributes = cloudEvents ? boundAttributes(message, cloudEvents, binding) : {};
  return { body: bufferOf(message.body), contentType: message.contentType, headers, attributes };
}

function boundAttributes(
  message: OutgoingMessage,
  cloudEvents: CloudEventsOptions,
  { prefix, encode = (value) => value, repeatsContentType = false }: EventBinding,
): Record<string, string> {
  const bound: Record<string, string> = {};
  for (const [name, value] of Object.entries(attributesOf(message, cloudEvents))) {
    if (name !== 'datacontenttype' || repeatsContentType) bound[`${prefix}${name}`] = encode(value);
  }
  return bound;
}

/** The same bytes: clients want a Buffer. */
function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Characters that a header line of HTTP and NATS can carry. */
const HEADER_SAFE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$|^$/;

/**
 * A header's value as header lines can carry it: as it is where it is printable ASCII; otherwise percent-encoded, as
 * CloudEvents and RFC 8187 do it.
 */
export function headerValue(value: string): string {
  return HEADER_SAFE.test(value) ? value : percentEncoded(value);
}

/** Percent-encoded as the bindings of CloudEvents to HTTP and NATS demand: space, `"`, `%` and what is not printable ASCII. */
export function percentEncoded(value: string): string {
  return value.replaceAll(/[^\x21-\x7e]|["%]/gu, (char) =>
    [...Buffer.from(char)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
