import { describe, expect, it, onTestFinished } from 'vitest';
import { createApp } from '../../apps/demo/src/create-app.js';
import { testDatabases } from '../support/databases.js';
import { eventuallyDelivered } from '../support/demo-checks.js';
import { DemoClient, someOrders } from '../support/demo-client.js';

// The rest of the demo's tests are in test/e2e. This is what servers differ in: how transactions wait for each other.
describe.each(testDatabases())('The demo on %s', (_name, open) => {
  it('delivers 200 orders placed at once: each one once, in order per customer, and revenue adds up', async () => {
    const database = await open();
    const app = await createApp({ databaseUrl: database.url }, { logger: ['error', 'fatal'] });
    onTestFinished(async () => {
      await app.close();
      await database.close();
    });
    await app.listen(0, '127.0.0.1');
    const client = new DemoClient(await app.getUrl());
    const placed = await Promise.all(someOrders(200).map((order) => client.place(order)));
    expect(await eventuallyDelivered(client, placed)).toBe(200);
  });
});
