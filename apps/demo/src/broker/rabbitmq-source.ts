import { Readable } from 'node:stream';
import { connect, type Channel, type ChannelModel, type ConsumeMessage } from 'amqplib';
import { MOST_ON_THE_WAY, type Arrival, type OpenSourceOptions, type Source } from './source.js';

const CONNECT_TIMEOUT_MS = 5000;
const HEARTBEAT_S = '10';

/**
 * A queue of RabbitMQ, which itself keeps what is not settled. One process at a time gets its messages
 * (`x-single-active-consumer`); when that one is gone, those it had not settled go back to their places in the queue.
 */
export async function openRabbitMq({ url, topic }: OpenSourceOptions): Promise<Source> {
  const server = new URL(url);
  if (!server.searchParams.has('heartbeat')) server.searchParams.set('heartbeat', HEARTBEAT_S);
  const connection = await connect(server.href, { timeout: CONNECT_TIMEOUT_MS });
  connection.on('error', () => undefined); // 'close' follows, with the same error
  const channel = await connection.createChannel();
  await channel.assertQueue(topic, { durable: true, arguments: { 'x-single-active-consumer': true } });
  await channel.prefetch(MOST_ON_THE_WAY);
  return new RabbitMqSource(connection, channel, topic);
}

class RabbitMqSource implements Source {
  private isOpen = true;

  constructor(
    private readonly connection: ChannelModel,
    private readonly channel: Channel,
    private readonly queue: string,
  ) {}

  async *arrivals(signal: AbortSignal): AsyncIterable<Arrival> {
    const incoming = new Readable({ objectMode: true, highWaterMark: MOST_ON_THE_WAY, read: () => undefined });
    const lost = (error?: Error): void => {
      this.isOpen = false;
      incoming.destroy(error ?? new Error('The connection was closed.'));
    };
    this.connection.once('close', lost);
    this.channel.once('error', lost);
    await this.channel.consume(this.queue, (message) => {
      if (message) incoming.push(message);
      else lost(new Error('The queue was deleted.'));
    });
    signal.addEventListener('abort', () => incoming.push(null), { once: true });
    if (signal.aborted) return;
    for await (const message of incoming) {
      if (signal.aborted) return; // what was not begun goes back
      yield this.arrivalOf(message as ConsumeMessage);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isOpen) return;
    this.isOpen = false;
    await this.connection.close();
  }

  private arrivalOf(message: ConsumeMessage): Arrival {
    const { messageId, headers } = message.properties;
    return {
      id: String(messageId ?? ''),
      key: String(headers?.['turnpike-key'] ?? ''),
      body: message.content.toString(),
      // Of a connection that was lost it comes again, and is recognized.
      settled: () => this.isOpen && this.channel.ack(message),
    };
  }
}
