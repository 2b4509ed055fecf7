import type { OutgoingMessage } from '../../core/message.js';
import { NonRetryableError } from '../../outbox.errors.js';
import type { CloudEventsOptions } from '../cloud-events.js';
import { FIELD, headerValue, percentEncoded, wireMessage } from '../wire-message.js';
import type { NatsPublication } from './nats-link.js';

export interface NatsRoute {
  /** Default: the topic. */
  readonly subject?: (message: OutgoingMessage) => string;
  /**
   * What JetStream tells repetitions by, within the duplicate window of the stream. Default: the message's id; ids of one's
   * own that repeat in several topics or namespaces of one stream need more.
   */
  readonly messageId?: (message: OutgoingMessage) => string;
}

/**
 * | message               | NATS                                                                             |
 * | --------------------- | -------------------------------------------------------------------------------- |
 * | id                    | header `Nats-Msg-Id`                                                             |
 * | topic                 | the subject, and header `turnpike-topic`                                         |
 * | contentType           | header `Content-Type`                                                            |
 * | key, namespace        | headers `turnpike-key`, `turnpike-namespace`                                     |
 * | headers               | headers, the trace context's `traceparent` among them                            |
 * | attributes as an event | headers that begin with `ce-`, as the NATS binding has it                       |
 */
export function natsPublicationOf(
  message: OutgoingMessage,
  { subject = ({ topic }) => topic, messageId = ({ id }) => id }: NatsRoute,
  cloudEvents: CloudEventsOptions | undefined,
): NatsPublication {
  const binding = { prefix: 'ce-', encode: percentEncoded, repeatsContentType: true };
  const { body, contentType, headers, attributes } = wireMessage(message, cloudEvents, binding);
  const encoded: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) encoded[name] = headerValue(value);
  Object.assign(encoded, attributes, {
    'Content-Type': contentType,
    [FIELD.topic]: headerValue(message.topic),
    [FIELD.namespace]: headerValue(message.namespace),
    ...(message.key === undefined ? {} : { [FIELD.key]: headerValue(message.key) }),
  });
  return { subject: checked(subject(message)), body, messageId: headerValue(messageId(message)), headers: encoded };
}

/** The server would take a wildcard for a name, and white space for the end of the subject. */
function checked(subject: string): string {
  const isLiteral = subject.split('.').every((token) => token !== '' && token !== '*' && token !== '>');
  if (isLiteral && !/[\s\p{Cc}]/u.test(subject)) return subject;
  throw new NonRetryableError(`${JSON.stringify(subject)} is not a subject that one can publish to.`);
}
