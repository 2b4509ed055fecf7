import type { OutgoingMessage } from '../../core/message.js';
import { NonRetryableError } from '../../outbox.errors.js';
import type { CloudEventsOptions } from '../cloud-events.js';
import { FIELD, headerValue, percentEncoded, wireMessage } from '../wire-message.js';

export interface WebhookRequest {
  /** The header `webhook-id`, which is signed too. */
  readonly id: string;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** What is the connection's, not the message's: a header of a message must not set it. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * | message               | HTTP                                                                     |
 * | --------------------- | ------------------------------------------------------------------------ |
 * | id                    | `webhook-id`; percent-encoded, full stops too: they part what is signed  |
 * | contentType           | `content-type`                                                           |
 * | topic, namespace, key | `turnpike-topic`, `turnpike-namespace`, `turnpike-key`                   |
 * | headers               | headers, the trace context's `traceparent` among them                    |
 * | attributes as an event | headers that begin with `ce-`, as the HTTP binding has it               |
 */
export function webhookRequestOf(
  message: OutgoingMessage,
  cloudEvents: CloudEventsOptions | undefined,
  ours: Readonly<Record<string, string>>,
): WebhookRequest {
  const { body, contentType, headers, attributes } = wireMessage(message, cloudEvents, {
    prefix: 'ce-',
    encode: percentEncoded,
  });
  const id = percentEncoded(message.id).replaceAll('.', '%2E');
  const all = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (!OF_THE_CONNECTION.has(name.toLowerCase())) set(all, name, headerValue(value));
  }
  for (const [name, value] of Object.entries({ ...attributes, ...ours })) all.set(name, value);
  all.set('content-type', contentType);
  all.set('webhook-id', id);
  all.set(FIELD.topic, headerValue(message.topic));
  all.set(FIELD.namespace, headerValue(message.namespace));
  if (message.key !== undefined) all.set(FIELD.key, headerValue(message.key));
  return { id, headers: all, body };
}

function set(headers: Headers, name: string, value: string): void {
  try {
    headers.set(name, value);
  } catch {
    throw new NonRetryableError(`The header ${JSON.stringify(name)} cannot be sent by HTTP: its name is not a token.`);
  }
}
