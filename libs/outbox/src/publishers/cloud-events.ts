import { checkOption } from 'nestjs-turnpike/timing';
import type { OutgoingMessage } from '../core/message.js';

/** How messages are wrapped as CloudEvents 1.0. */
export interface CloudEventsOptions {
  /**
   * `structured`: the body is the event as JSON, with the payload in `data` (`data_base64` when it is not JSON).
   * `binary`: the body is the payload, and the event's attributes are fields of the broker's message.
   */
  readonly mode: 'structured' | 'binary';
  /** The event's `source`, a URI reference. Default: `/` and the namespace. */
  readonly source?: string | ((message: OutgoingMessage) => string);
  /** Further attributes; names of 1 to 20 lower-case letters and digits. Default: none. */
  readonly extensions?: (message: OutgoingMessage) => Readonly<Record<string, string>>;
}

export const STRUCTURED_CONTENT_TYPE = 'application/cloudevents+json; charset=UTF-8';

/**
 * The attributes of the message's event, with the extensions that the specification names: `partitionkey` is the key,
 * `traceparent` and `tracestate` are taken from the headers.
 */
export function attributesOf(message: OutgoingMessage, options: CloudEventsOptions): Record<string, string> {
  const { source = sourceOf } = options;
  const { traceparent, tracestate } = message.headers;
  return {
    ...checked(options.extensions?.(message)),
    specversion: '1.0',
    id: message.id,
    source: typeof source === 'string' ? source : source(message),
    type: message.topic,
    time: new Date(message.createdAtMs).toISOString(),
    datacontenttype: message.contentType,
    ...(message.key === undefined ? {} : { partitionkey: message.key }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(tracestate === undefined ? {} : { tracestate }),
  };
}

/** The event in JSON, as bytes. A JSON payload is put in as it is stored: it is not decoded. */
export function structuredBody(message: OutgoingMessage, options: CloudEventsOptions): Uint8Array {
  const attributes = JSON.stringify(attributesOf(message, options)).slice(0, -1);
  if (isJson(message.contentType)) return Buffer.concat([bytes(`${attributes},"data":`), message.body, bytes('}')]);
  return bytes(`${attributes},"data_base64":"${Buffer.from(message.body).toString('base64')}"}`);
}

/** `application/json`, also with parameters, and whatever ends in `+json`. */
export function isJson(contentType: string): boolean {
  return /^[^;]*[/+]json\s*(;|$)/i.test(contentType);
}

export function checkCloudEvents(options: CloudEventsOptions | undefined): void {
  if (!options) return;
  const { mode, source } = options;
  checkOption('cloudEvents.mode', mode, mode === 'structured' || mode === 'binary', `be 'structured' or 'binary'`);
  checkOption('cloudEvents.source', source, source !== '', 'not be empty');
}

function sourceOf({ namespace }: OutgoingMessage): string {
  return `/${encodeURIComponent(namespace)}`;
}

function checked(extensions: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  for (const name of Object.keys(extensions)) {
    checkOption(
      'an extension of cloudEvents',
      name,
      /^[a-z0-9]{1,20}$/.test(name),
      'be of lower-case letters and digits',
    );
  }
  return extensions;
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}
