import { Injectable } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { OnOutboxMessage, outboxMigrations } from 'nestjs-turnpike/outbox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../apps/demo/src/create-app.js';
import { testDatabases, type TestDatabase } from '../support/databases.js';
import { eventuallyDelivered } from '../support/demo-checks.js';
import { DemoClient, someOrders } from '../support/demo-client.js';
import { eventually } from '../support/eventually.js';
import { startOutboxApp, type OutboxApp } from '../support/outbox-app.js';

/** Has its own idea of the topic that the demo publishes. */
@Injectable()
class Notes {
  readonly received: unknown[] = [];

  @OnOutboxMessage('order.placed', { consumer: 'notes' })
  note(payload: unknown): void {
    this.received.push(payload);
  }
}

// It publishes by its own Outbox: @Transactional() of @nestjs-cls/transactional knows one app per process, the last made.
describe.each(testDatabases())('A second app in the process of the demo, both on %s', (_name, open) => {
  let databases: [TestDatabase, TestDatabase];
  let demo: NestExpressApplication;
  let client: DemoClient;
  let second: OutboxApp;

  beforeAll(async () => {
    databases = [await open(), await open({ migrations: [...outboxMigrations] })];
    second = await startOutboxApp(databases[1].url, {}, { providers: [Notes] });
    demo = await createApp({ databaseUrl: databases[0].url }, { logger: false });
    await demo.listen(0, '127.0.0.1');
    client = new DemoClient(await demo.getUrl());
  });

  afterAll(async () => {
    await demo.close();
    for (const database of databases) await database.close();
  });

  const publish = (note: string): Promise<void> =>
    second.dataSource.transaction((tx) =>
      second.outbox.publish(tx, { topic: 'order.placed', key: 'ann', payload: note }),
    );

  it("delivers its own messages, and the demo the demo's", async () => {
    const published = (await client.metric('outbox_published_total')) || 0; // there is none before the first
    const placing = someOrders(10).map((order) => client.place(order));
    for (const note of ['a', 'b', 'c']) await publish(note);
    const placed = await Promise.all(placing);

    expect(await eventuallyDelivered(client, placed)).toBe(10);
    await eventually(() => expect(second.app.get(Notes).received).toEqual(['a', 'b', 'c']));
    // Only the demo has a PrometheusModule, and its metrics are of its own messages.
    await eventually(async () => expect(await client.metric('outbox_published_total')).toBe(published + 10));
  });

  it('leaves the demo working when it is closed', async () => {
    await publish('d');
    await second.app.close();
    expect(second.dataSource.isInitialized).toBe(false);
    expect(await client.metric('outbox_shards')).toBe(64);
    const order = { customerId: 'fay', lines: [{ sku: 'jam', quantity: 1, unitPrice: 100 }] };
    const { id } = await client.place(order);
    await eventually(async () => expect((await client.order(id)).deliveries).toHaveLength(1));
  });
});
