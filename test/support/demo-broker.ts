import { randomUUID } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats, headers } from '@nats-io/transport-node';
import { connect as connectRabbitMq } from 'amqplib';
import { Redis } from 'ioredis';
import { broker } from './brokers.js';

export type DemoBrokerName = 'rabbitmq' | 'nats' | 'redis';

/** A queue or stream of a test's own on one of the servers. */
export interface DemoBroker {
  readonly url: string;
  readonly topic: string;
  /** Adds a message as anyone could, past the demo. */
  add(message: { readonly id: string; readonly key: string; readonly body: string }): Promise<void>;
  /** Deletes it. */
  close(): Promise<void>;
}

const open: Readonly<
  Record<DemoBrokerName, (url: string, topic: string) => Promise<Omit<DemoBroker, 'url' | 'topic'>>>
> = {
  rabbitmq: async (url, topic) => {
    const connection = await connectRabbitMq(url);
    const channel = await connection.createConfirmChannel();
    return {
      add: async ({ id, key, body }) => {
        const properties = { messageId: id, headers: { 'turnpike-key': key }, persistent: true };
        channel.sendToQueue(topic, Buffer.from(body), properties);
        await channel.waitForConfirms();
      },
      close: async () => {
        await channel.deleteQueue(topic);
        await connection.close();
      },
    };
  },
  nats: async (url, topic) => {
    const connection = await connectNats({ servers: new URL(url).host });
    const manager = await jetstreamManager(connection);
    return {
      add: async ({ id, key, body }) => {
        const fields = headers();
        fields.set('Nats-Msg-Id', id);
        fields.set('turnpike-key', key);
        await manager.jetstream().publish(topic, body, { headers: fields });
      },
      close: async () => {
        await manager.streams.delete(topic);
        await connection.close();
      },
    };
  },
  redis: async (url, topic) => {
    const redis = new Redis(url);
    return {
      add: async ({ id, key, body }) => {
        await redis.xadd(topic, '*', 'id', id, 'key', key, 'body', body);
      },
      close: async () => {
        await redis.del(topic);
        redis.disconnect();
      },
    };
  },
};

export async function demoBroker(name: DemoBrokerName): Promise<DemoBroker> {
  const url = await broker(name);
  const topic = `demo-${randomUUID()}`;
  return { url, topic, ...(await open[name](url, topic)) };
}
