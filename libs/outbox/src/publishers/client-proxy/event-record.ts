import type { ClientProxy } from '@nestjs/microservices';
import type { OutgoingMessage } from '../../core/message.js';
import { isJson, type CloudEventsOptions } from '../cloud-events.js';
import { FIELD, headerValue, percentEncoded, wireMessage, type EventBinding } from '../wire-message.js';

type Microservices = typeof import('@nestjs/microservices');

/** What a handler gets as its data where the transport has no headers: TCP, Redis, and transports of one's own. */
export interface MessageEnvelope {
  readonly id: string;
  readonly topic: string;
  readonly namespace: string;
  readonly key?: string;
  readonly contentType: string;
  readonly createdAtMs: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The value that was published; bytes in base64. */
  readonly payload: unknown;
}

/** Makes what `emit` gets, for one transport. */
export type RecordOf = (message: OutgoingMessage, cloudEvents: CloudEventsOptions | undefined) => unknown;

/**
 * | message               | RMQ                           | NATS, Kafka, MQTT                          | others        |
 * | --------------------- | ----------------------------- | ------------------------------------------ | ------------- |
 * | payload               | the data                      | the data                                   | `payload`     |
 * | id, topic, namespace  | message-id, type, app-id      | headers `turnpike-id`, ...                 | the same name |
 * | key                   | header `turnpike-key`         | the same header; of Kafka, the record's key | `key`         |
 * | headers               | headers                       | headers; of MQTT, user properties          | `headers`     |
 */
export async function recordsFor(client: ClientProxy): Promise<RecordOf> {
  const nest = await import('@nestjs/microservices');
  if (client instanceof nest.ClientRMQ) return (message, cloudEvents) => rmqRecord(nest, message, cloudEvents);
  if (client instanceof nest.ClientMqtt) return (message, cloudEvents) => mqttRecord(nest, message, cloudEvents);
  if (client instanceof nest.ClientKafka) return kafkaRecord;
  if (!(client instanceof nest.ClientNats)) return envelope;
  const { headers } = await import('@nats-io/transport-node');
  return (message, cloudEvents) => {
    const set = headers();
    const { data, fields } = dataAndFields(message, cloudEvents, { prefix: 'ce-', encode: percentEncoded });
    for (const [name, value] of Object.entries(fields)) set.set(name, headerValue(value));
    return new nest.NatsRecordBuilder(data).setHeaders(set).build();
  };
}

function rmqRecord(
  { RmqRecordBuilder }: Microservices,
  message: OutgoingMessage,
  cloudEvents: CloudEventsOptions | undefined,
): unknown {
  const { data, fields } = dataAndFields(message, cloudEvents, { prefix: 'cloudEvents_' });
  const { [FIELD.id]: messageId = '', [FIELD.topic]: type = '', [FIELD.namespace]: appId = '', ...headers } = fields;
  const timestamp = Math.floor(message.createdAtMs / 1000);
  return new RmqRecordBuilder(data)
    .setOptions({ messageId, type, appId, timestamp, headers, persistent: true })
    .build();
}

function mqttRecord(
  { MqttRecordBuilder }: Microservices,
  message: OutgoingMessage,
  cloudEvents: CloudEventsOptions | undefined,
): unknown {
  const { data, fields } = dataAndFields(message, cloudEvents, { prefix: '' });
  // Nest's own default, 0, is not acknowledged.
  return new MqttRecordBuilder(data).setQoS(1).setProperties({ userProperties: fields }).build();
}

function kafkaRecord(message: OutgoingMessage, cloudEvents: CloudEventsOptions | undefined): unknown {
  const { data, fields } = dataAndFields(message, cloudEvents, { prefix: 'ce_' });
  const { [FIELD.key]: key, ...headers } = fields;
  return { ...(key === undefined ? {} : { key }), value: data, headers };
}

function envelope(message: OutgoingMessage, cloudEvents: CloudEventsOptions | undefined): unknown {
  if (cloudEvents?.mode === 'structured') return dataAndFields(message, cloudEvents, { prefix: '' }).data;
  const { headers, attributes } = wireMessage(message, cloudEvents, { prefix: 'ce-' });
  const { id, topic, namespace, key, contentType, createdAtMs } = message;
  return {
    id,
    topic,
    namespace,
    ...(key === undefined ? {} : { key }),
    contentType,
    createdAtMs,
    headers: { ...headers, ...attributes },
    payload: jsonPayload(message),
  } satisfies MessageEnvelope;
}

/** The data, and all the rest as headers. */
function dataAndFields(
  message: OutgoingMessage,
  cloudEvents: CloudEventsOptions | undefined,
  binding: EventBinding,
): { readonly data: unknown; readonly fields: Record<string, string> } {
  const { body, headers, attributes } = wireMessage(message, cloudEvents, binding);
  const { id, topic, namespace, key } = message;
  return {
    data: cloudEvents?.mode === 'structured' ? JSON.parse(body.toString()) : jsonPayload(message),
    fields: {
      ...headers,
      ...attributes,
      [FIELD.id]: id,
      [FIELD.topic]: topic,
      [FIELD.namespace]: namespace,
      ...(key === undefined ? {} : { [FIELD.key]: key }),
      ...(isJson(message.contentType) ? {} : { [FIELD.contentType]: message.contentType }),
    },
  };
}

/** Nest's transports carry JSON. */
function jsonPayload({ payload, body, contentType }: OutgoingMessage): unknown {
  return isJson(contentType) ? payload : Buffer.from(body).toString('base64');
}
