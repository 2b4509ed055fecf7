import { randomUUID } from 'node:crypto';
import { RabbitMqPublisher } from 'nestjs-turnpike/outbox/rabbitmq';
import amqplib, { type Options } from 'amqplib';
import { IN_FLIGHT, one, type Lane } from './lane.js';

/** A durable queue; each message persistent, mandatory and confirmed. */
export async function rabbitMqLane(): Promise<Lane> {
  const url = process.env['RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';
  const queue = `turnpike.bench.${randomUUID()}`;
  const connection = await amqplib.connect(url, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(queue);
  const publisher = new RabbitMqPublisher({ url, routingKey: () => queue });
  const send = (body: Uint8Array, properties: Options.Publish): Promise<void> =>
    new Promise((resolve, reject) => {
      channel.publish('', queue, body as Buffer, properties, (error: unknown) =>
        error === null ? resolve() : reject(error),
      );
    });
  return {
    name: 'rabbitmq',
    count: 40_000,
    publisher,
    client: (all) =>
      one(IN_FLIGHT, all, ({ id, topic, namespace, key, contentType, createdAtMs, body }) =>
        send(body, {
          messageId: id,
          type: topic,
          appId: namespace,
          contentType,
          timestamp: Math.floor(createdAtMs / 1000),
          headers: { 'turnpike-key': key },
          persistent: true,
          mandatory: true,
        }),
      ),
    bare: (all) => one(IN_FLIGHT, all, ({ body }) => send(body, { persistent: true, mandatory: true })),
    check: async (count) => {
      const { messageCount } = await channel.purgeQueue(queue);
      if (messageCount !== count) throw new Error(`${messageCount} of ${count} messages arrived`);
    },
    close: async () => {
      await publisher.close();
      await channel.deleteQueue(queue);
      await connection.close();
    },
  };
}
