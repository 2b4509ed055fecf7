import { randomUUID } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, headers } from '@nats-io/transport-node';
import { NatsPublisher } from 'nestjs-turnpike/outbox/nats';
import { IN_FLIGHT, one, type Lane } from './lane.js';

/** A stream in a file; each message acknowledged. */
export async function natsLane(): Promise<Lane> {
  const url = process.env['NATS_URL'] ?? 'nats://127.0.0.1:4222';
  const name = `turnpike-bench-${randomUUID()}`;
  const connection = await connect({ servers: new URL(url).host, noAsyncTraces: true });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name, subjects: [name] });
  const client = manager.jetstream();
  const publisher = new NatsPublisher({ url, subject: () => name });
  return {
    name: 'nats',
    count: 50_000,
    publisher,
    client: (all) =>
      one(IN_FLIGHT, all, ({ id, topic, namespace, key, contentType, body }) => {
        const set = headers();
        set.set('Content-Type', contentType);
        set.set('turnpike-topic', topic);
        set.set('turnpike-namespace', namespace);
        set.set('turnpike-key', key ?? '');
        // Another id than the publisher's: what the server knows already, it does not store.
        return client.publish(name, body, { msgID: `client-${id}`, headers: set, timeout: 10_000 });
      }),
    bare: (all) => one(IN_FLIGHT, all, ({ body }) => client.publish(name, body, { timeout: 10_000 })),
    check: async (count) => {
      const { purged } = await manager.streams.purge(name);
      if (purged !== count) throw new Error(`${purged} of ${count} messages arrived`);
    },
    close: async () => {
      await publisher.close();
      await manager.streams.delete(name);
      await connection.close();
    },
  };
}
