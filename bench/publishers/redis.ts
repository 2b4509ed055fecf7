import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { OutgoingMessage } from 'nestjs-turnpike/outbox';
import { RedisPublisher } from 'nestjs-turnpike/outbox/redis';
import { IN_FLIGHT, workers, type Lane } from './lane.js';

const PIPELINE = 100;

/** A stream; pipelines of 100, ten of them without a reply at a time. */
export async function redisLane(): Promise<Lane> {
  const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
  const stream = `turnpike:bench:${randomUUID()}`;
  const redis = new Redis(url);
  const add = (all: readonly OutgoingMessage[], fieldsOf: (message: OutgoingMessage) => string[]): Promise<void> =>
    workers(IN_FLIGHT / PIPELINE, all, PIPELINE, async (some) => {
      const pipeline = redis.pipeline();
      for (const message of some) pipeline.xadd(stream, '*', ...fieldsOf(message));
      for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
    });
  const publisher = new RedisPublisher({ url, stream, batchSize: PIPELINE });
  return {
    name: 'redis',
    count: 200_000,
    publisher,
    client: (all) =>
      add(all, ({ id, topic, namespace, key = '', contentType, createdAtMs, body }) => [
        'id',
        id,
        'topic',
        topic,
        'namespace',
        namespace,
        'key',
        key,
        'contentType',
        contentType,
        'createdAtMs',
        `${createdAtMs}`,
        'body',
        String(body),
      ]),
    bare: (all) => add(all, ({ body }) => ['body', String(body)]),
    check: async (count) => {
      const length = await redis.xlen(stream);
      await redis.del(stream);
      if (length !== count) throw new Error(`${length} of ${count} messages arrived`);
    },
    close: async () => {
      await publisher.close();
      redis.disconnect();
    },
  };
}
