import type { OutgoingMessage } from '../../core/message.js';
import { NonRetryableError } from '../../outbox.errors.js';
import type { CloudEventsOptions } from '../cloud-events.js';
import { FIELD, headerValue, percentEncoded, wireMessage } from '../wire-message.js';

export interface WebhookRequest {
  /** The header `webhook-id`, which is signed too. */
  readonly id: string;
  /** By names in lower case. */
  readonly headers: Record<string, string>;
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
  const all: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const lower = checkedName(name).toLowerCase();
    if (!OF_THE_CONNECTION.has(lower)) all[lower] = headerValue(value);
  }
  Object.assign(all, attributes, ours, {
    'content-type': contentType,
    'webhook-id': id,
    [FIELD.topic]: headerValue(message.topic),
    [FIELD.namespace]: headerValue(message.namespace),
    ...(message.key === undefined ? {} : { [FIELD.key]: headerValue(message.key) }),
  });
  return { id, headers: all, body };
}

/** A token of RFC 9110. */
function checkedName(name: string): string {
  if (/^[\w!#$%&'*+.^`|~-]+$/.test(name)) return name;
  throw new NonRetryableError(`The header ${JSON.stringify(name)} cannot be sent by HTTP: its name is not a token.`);
}
