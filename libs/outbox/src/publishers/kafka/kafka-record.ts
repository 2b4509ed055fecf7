import type { MessageToProduce } from '@platformatic/kafka';
import type { OutgoingMessage } from '../../core/message.js';
import { NonRetryableError } from '../../outbox.errors.js';
import type { CloudEventsOptions } from '../cloud-events.js';
import { FIELD, wireMessage } from '../wire-message.js';

export interface KafkaRoute {
  /** The topic of Kafka that a message is produced to. Default: the message's topic. */
  readonly topic?: string | ((message: OutgoingMessage) => string);
}

export type KafkaRecord = MessageToProduce<string, Buffer, string, string>;

/**
 * | message               | record                                                              |
 * | --------------------- | ------------------------------------------------------------------- |
 * | topic                 | its topic, and header `turnpike-topic`                              |
 * | key                   | its key, which decides the partition as Kafka's own clients have it |
 * | id, namespace         | headers `turnpike-id`, `turnpike-namespace`                         |
 * | contentType           | header `content-type`                                               |
 * | createdAtMs           | its timestamp                                                       |
 * | headers               | headers, the trace context's `traceparent` among them               |
 * | attributes as an event | headers that begin with `ce_`, as the Kafka binding has it         |
 */
export function kafkaRecordOf(
  message: OutgoingMessage,
  { topic = message.topic }: KafkaRoute,
  cloudEvents: CloudEventsOptions | undefined,
): KafkaRecord {
  const { body, contentType, headers, attributes } = wireMessage(message, cloudEvents, { prefix: 'ce_' });
  return {
    topic: checked(typeof topic === 'string' ? topic : topic(message)),
    ...(message.key === undefined ? {} : { key: message.key }),
    value: body,
    timestamp: BigInt(message.createdAtMs),
    headers: {
      ...headers,
      ...attributes,
      'content-type': contentType,
      [FIELD.id]: message.id,
      [FIELD.topic]: message.topic,
      [FIELD.namespace]: message.namespace,
    },
  };
}

/** One that cannot be would fail all that go out with it. */
function checked(topic: string): string {
  if (/^[\w.-]{1,249}$/.test(topic) && topic !== '.' && topic !== '..') return topic;
  throw new NonRetryableError(`${JSON.stringify(topic)} cannot be the name of a topic of Kafka.`);
}
