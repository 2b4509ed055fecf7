import { isUtf8 } from 'node:buffer';
import type { OutgoingMessage } from '../../core/message.js';
import type { CloudEventsOptions } from '../cloud-events.js';
import { wireMessage } from '../wire-message.js';

export interface RedisRoute {
  /** The stream that a message is added to. Default: its topic. */
  readonly stream?: string | ((message: OutgoingMessage) => string);
  /** Trims a stream to about this many entries with each that is added (`MAXLEN ~`). Default: no limit. */
  readonly maxLength?: number;
}

/** The arguments of `XADD`: the stream comes first. */
export type StreamEntry = [stream: string, ...args: (string | Buffer)[]];

/**
 * | message                                       | field of the entry                                            |
 * | --------------------------------------------- | ------------------------------------------------------------- |
 * | id, topic, namespace, key, contentType        | the same names                                                |
 * | createdAtMs                                   | `createdAtMs`                                                 |
 * | body                                          | `body`                                                        |
 * | headers                                       | `header:<name>`, the trace context's `traceparent` among them |
 * | attributes as an event                        | `ce_<name>`: CloudEvents has no binding for Redis             |
 */
export function streamEntryOf(
  message: OutgoingMessage,
  { stream = ({ topic }) => topic, maxLength }: RedisRoute,
  cloudEvents: CloudEventsOptions | undefined,
): StreamEntry {
  const { body, contentType, headers, attributes } = wireMessage(message, cloudEvents, { prefix: 'ce_' });
  const { id, topic, namespace, key, createdAtMs } = message;
  const entry: StreamEntry = [typeof stream === 'string' ? stream : stream(message)];
  if (maxLength !== undefined) entry.push('MAXLEN', '~', String(maxLength));
  entry.push('*', 'id', id, 'topic', topic, 'namespace', namespace);
  if (key !== undefined) entry.push('key', key);
  entry.push('contentType', contentType, 'createdAtMs', String(createdAtMs), 'body', textOf(body));
  for (const [name, value] of Object.entries(headers)) entry.push(`header:${name}`, value);
  for (const [name, value] of Object.entries(attributes)) entry.push(name, value);
  return entry;
}

/** The same bytes: ioredis encodes a command that holds no Buffer as one text, in three quarters of the time. */
function textOf(body: Buffer): string | Buffer {
  return isUtf8(body) ? body.toString() : body;
}
