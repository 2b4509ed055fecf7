import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PlacedOrder } from '../../apps/demo/src/orders/order.dto.js';
import { testDatabases, type DatabaseName, type TestDatabase } from '../support/databases.js';
import { buildDemo } from '../support/demo-build.js';
import { eventuallyDelivered } from '../support/demo-checks.js';
import { acknowledged, someOrders, type DemoClient } from '../support/demo-client.js';
import { DemoProcess } from '../support/demo-process.js';
import { eventually } from '../support/eventually.js';

let demo: Awaited<ReturnType<typeof buildDemo>>;
let database: TestDatabase;
const started: DemoProcess[] = [];

beforeAll(async () => {
  demo = await buildDemo();
});
afterAll(() => demo.remove());
afterEach(async () => {
  for (const running of started.splice(0)) await running.kill('SIGKILL');
});

async function start(): Promise<DemoProcess> {
  const running = await DemoProcess.start(demo.main, database.url);
  started.push(running);
  return running;
}

describe.each(testDatabases())('A process of the demo on %s', (_name, open) => {
  beforeEach(async () => {
    database = await open();
  });
  afterEach(() => database.close());

  it('stops on SIGTERM under load: soon, with code 0, without a failed answer, and leaving no lease', async () => {
    const stopped = await start();
    const clients = Array.from({ length: 10 }, () => placeUntilRefused(stopped));
    await eventually(async () => expect((await stopped.deliveriesTo('ann')).length).toBeGreaterThan(5));

    const startedMs = performance.now();
    expect(await stopped.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(performance.now() - startedMs).toBeLessThan(5000);
    const outcomes = await Promise.all(clients);
    // What is not answered any more is refused, or its connection ends.
    expect(outcomes.filter(({ refusal }) => /was answered/.test(String(refusal)))).toEqual([]);
    for (const table of ['turnpike_lease', 'turnpike_lease_member']) {
      expect(await database.dataSource.query(`select * from ${table}`)).toEqual([]);
    }

    const again = await start();
    const placed = outcomes.flatMap((outcome) => outcome.placed);
    await eventuallyDelivered(again, placed);
  });
});

describe.each(only('sqlite'))('A process of the demo on %s that is killed', (_name, open) => {
  beforeEach(async () => {
    database = await open();
  });
  afterEach(() => database.close());

  it('has lost no order when it is started again, and counts none twice', async () => {
    const killed = await start();
    const placed = await Promise.all(someOrders(50).map((order) => killed.place(order)));
    await eventually(async () => expect(await killed.metric('queue_items_processed')).toBeGreaterThan(0));
    const placing = someOrders(200).map((order) => killed.place(order));
    const answered = acknowledged(placing);
    await Promise.all(placing.slice(0, 20));
    expect(await killed.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    expect((await answered).length).toBeLessThan(200);
    placed.push(...(await answered));
    // What is counted is pushed again where the crash came before the position was saved: see to it that it did.
    await database.dataSource.query(`update turnpike_checkpoint set position = null where stream = 'revenue'`);

    const again = await start();
    await eventuallyDelivered(again, placed);
  });
});

describe.each(only('postgres'))('Two processes of the demo on %s', (_name, open) => {
  beforeEach(async () => {
    database = await open();
  });
  afterEach(() => database.close());

  it('share the work, and one takes over when the other is killed', async () => {
    const [one, other] = await Promise.all([start(), start()]);
    const both = [one, other];
    for (const each of both) await eventually(async () => expect(await each.metric('outbox_shards')).toBe(32));

    const placed = await Promise.all(someOrders(100).map((order, i) => both[i % 2]!.place(order)));
    expect(await eventuallyDelivered(one, placed)).toBe(100);
    for (const each of both) expect(await each.metric('outbox_published_total')).toBeGreaterThan(0);

    const placing = someOrders(200).map((order, i) => both[i % 2]!.place(order));
    const answered = acknowledged(placing);
    await Promise.all(placing.slice(0, 50));
    await one.kill('SIGKILL');
    placed.push(...(await answered));
    await eventuallyDelivered(other, placed);
  });
});

it('ends, and says what is wrong, when it cannot start', async () => {
  const starting = DemoProcess.start(demo.main, 'oracle://user:secret@host');
  await expect(starting).rejects.toThrow(/ended with 1:[^]*DATABASE_URL begins with "oracle"/);
  await expect(starting).rejects.not.toThrow('secret');
});

function only(wanted: DatabaseName) {
  return testDatabases().filter(([name]) => name === wanted);
}

/** One order after the other. What was acknowledged, and how the last one failed. */
async function placeUntilRefused(client: DemoClient): Promise<{ placed: PlacedOrder[]; refusal: unknown }> {
  const placed: PlacedOrder[] = [];
  for (;;) {
    try {
      for (const order of someOrders(100)) placed.push(await client.place(order));
    } catch (refusal) {
      return { placed, refusal };
    }
  }
}
