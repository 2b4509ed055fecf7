import type { OutgoingMessage } from '../../core/message.js';
import type { CloudEventsOptions } from '../cloud-events.js';
import { FIELD, wireMessage } from '../wire-message.js';
import type { Publication } from './confirmed-channel.js';

export interface RabbitMqRoute {
  /** Default: the broker's default exchange, where a routing key is the name of a queue. */
  readonly exchange?: string | ((message: OutgoingMessage) => string);
  /** Default: the topic. */
  readonly routingKey?: (message: OutgoingMessage) => string;
}

/**
 * | message               | property                                                   |
 * | --------------------- | ---------------------------------------------------------- |
 * | id, topic, namespace  | message-id, type, app-id                                   |
 * | contentType           | content-type                                               |
 * | createdAtMs           | timestamp, in seconds                                      |
 * | key                   | header `turnpike-key`                                      |
 * | headers               | headers, the trace context's `traceparent` among them      |
 * | attributes as an event | headers that begin with `cloudEvents_`, as the AMQP binding has it |
 */
export function publicationOf(
  message: OutgoingMessage,
  { exchange = '', routingKey = ({ topic }) => topic }: RabbitMqRoute,
  cloudEvents: CloudEventsOptions | undefined,
): Publication {
  const { body, contentType, headers, attributes } = wireMessage(message, cloudEvents, { prefix: 'cloudEvents_' });
  return {
    exchange: typeof exchange === 'string' ? exchange : exchange(message),
    routingKey: routingKey(message),
    body,
    properties: {
      messageId: message.id,
      type: message.topic,
      appId: message.namespace,
      contentType,
      timestamp: Math.floor(message.createdAtMs / 1000),
      headers: { ...headers, ...attributes, ...(message.key === undefined ? {} : { [FIELD.key]: message.key }) },
      persistent: true,
      mandatory: true,
    },
  };
}
