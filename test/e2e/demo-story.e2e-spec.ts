import type { NestExpressApplication } from '@nestjs/platform-express';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../apps/demo/src/create-app.js';
import { testDatabases, type TestDatabase } from '../support/databases.js';
import { buildDemo } from '../support/demo-build.js';
import { eventuallyDelivered } from '../support/demo-checks.js';
import { DemoClient, someOrders } from '../support/demo-client.js';
import { DemoProcess } from '../support/demo-process.js';
import { eventually } from '../support/eventually.js';
import { StoryClient } from '../support/story-client.js';

let demo: Awaited<ReturnType<typeof buildDemo>>;

beforeAll(async () => {
  demo = await buildDemo();
});
afterAll(() => demo.remove());

/** Starting a process takes a second, and many where others work too. */
const SLOW = { withinMs: 30_000 };
const mug = { sku: 'mug', quantity: 1, unitPrice: 500 };

describe.each(testDatabases())('The story on %s', (_name, open) => {
  let database: TestDatabase;
  let app: NestExpressApplication;
  let client: DemoClient;
  let story: StoryClient;

  beforeAll(async () => {
    database = await open();
    app = await createApp({ databaseUrl: database.url }, { logger: false });
    await app.listen(0, '127.0.0.1');
    client = new DemoClient(await app.getUrl());
    story = new StoryClient(client);
  });
  afterAll(async () => {
    await app.close();
    await database.close();
  });

  const place = async (customerId: string): Promise<unknown> => client.place({ customerId, lines: [mug] });

  it('holds the orders of a customer whose deliveries are broken, and nobody else’s; mended, they come in order', async () => {
    for (const customer of ['ann', 'bob']) await place(customer);
    await eventually(async () =>
      expect((await story.state()).customers.slice(0, 2)).toMatchObject([{ delivered: 1 }, { delivered: 1 }]),
    );
    expect(await story.ask('PUT', 'breakdowns/ann')).toBe(204);
    expect(await story.ask('PUT', 'breakdowns/ann')).toBe(204);
    for (const customer of ['ann', 'ann', 'bob', 'ann']) await place(customer);
    await eventually(async () => {
      const { customers, disorders, repeats } = await story.state();
      expect(customers.slice(0, 2)).toMatchObject([
        { id: 'ann', placed: 4, delivered: 1, broken: true, held: { reason: expect.stringContaining('broken') } },
        { id: 'bob', placed: 2, delivered: 2, broken: false },
      ]);
      expect(customers[0]?.held?.attempts).toBeGreaterThan(1);
      expect(customers[1]?.held).toBeUndefined();
      expect({ disorders, repeats }).toEqual({ disorders: 0, repeats: 0 });
    });
    expect(await story.ask('DELETE', 'breakdowns/ann')).toBe(204);
    await eventually(async () => {
      const [ann] = (await story.state()).customers;
      expect(ann).toMatchObject({ placed: 4, delivered: 4, broken: false });
      expect(ann?.held).toBeUndefined();
    });
    expect((await client.deliveriesTo('ann')).map(({ number }) => number)).toEqual([1, 2, 3, 4]);
  });

  it('says when a delivery is out of order, or comes twice', async () => {
    const { disorders, repeats } = await story.state();
    const [{ last } = { last: 0 }] = await database.dataSource.query<{ last: number | string }[]>(
      `select last from series where name = 'deliveries'`,
    );
    const add = (position: number, number: number): Promise<unknown> =>
      database.dataSource.query(
        `insert into delivery (position, order_id, customer_id, number, delivered_at) values (${position}, 'x', 'dan', ${number}, 0)`,
      );
    await add(Number(last) + 1, 2);
    await add(Number(last) + 2, 2);
    await eventually(async () =>
      expect(await story.state()).toMatchObject({ disorders: disorders + 1, repeats: repeats + 1 }),
    );
    await database.dataSource.query(`update series set last = last + 2 where name = 'deliveries'`);
  });

  it('places a thousand orders, and says when they are through', { timeout: 120_000 }, async () => {
    expect(await story.ask('POST', 'load')).toBe(204);
    expect(await story.ask('POST', 'load')).toBe(409);
    await eventually(
      async () => expect((await story.state()).load).toMatchObject({ total: 1000, placed: 1000, delivered: 1000 }),
      { withinMs: 100_000 },
    );
  });

  it('serves the page with a policy that keeps it to itself', async () => {
    const response = await fetch(client.url);
    expect(await response.text()).toContain('<title>Turnpike');
    expect(response.headers.get('content-security-policy')).toContain(`default-src 'none'; script-src 'self'`);
    expect((await fetch(`${client.url}/story/code/place`)).headers.get('content-type')).toContain('text/plain');
    expect(await story.ask('GET', 'code/none')).toBe(404);
  });

  it('refuses changes that other sites ask for, and knows its customers', async () => {
    const evil = { 'sec-fetch-site': 'cross-site' };
    for (const [method, path] of [
      ['PUT', 'breakdowns/bob'],
      ['DELETE', 'breakdowns/bob'],
      ['POST', 'load'],
    ] as const) {
      expect(await story.ask(method, path, evil)).toBe(403);
    }
    expect((await fetch(`${client.url}/orders`, { method: 'POST', headers: evil })).status).toBe(403);
    expect(await story.ask('PUT', 'breakdowns/zoe')).toBe(404);
    expect((await story.state()).customers.some(({ broken }) => broken)).toBe(false);
  });

  it('starts and kills no processes where the demo was not started for it', async () => {
    expect(await story.ask('POST', 'processes')).toBe(404);
    expect(await story.ask('DELETE', `processes/${process.pid}`)).toBe(404);
    expect((await story.state()).workers).toBe('none');
  });
});

describe.each(testDatabases())('The processes of the story on %s', (_name, open) => {
  let database: TestDatabase;
  let main: DemoProcess;
  let story: StoryClient;

  beforeEach(async () => {
    database = await open();
    main = await DemoProcess.start(demo.main, database.url, { WORKERS: '1' });
    story = new StoryClient(main);
  });
  afterEach(async () => {
    await main.kill('SIGTERM');
    await database.close();
  });

  const one = (): Promise<number> =>
    eventually(async () => {
      const [worker] = await story.running();
      expect(worker).toMatchObject({ shards: 64 });
      return worker!.pid!;
    }, SLOW);

  it('deliver; one that is killed in the middle loses nothing, and the next one goes on', async () => {
    const killed = await one();
    const placed = await Promise.all(someOrders(60).map((order) => main.place(order)));
    await eventually(async () => expect((await main.deliveriesTo('ann')).length).toBeGreaterThan(0));
    placed.push(...(await Promise.all(someOrders(20).map((order) => main.place(order)))));
    expect(await story.ask('DELETE', `processes/${killed}`)).toBe(204);
    expect(await story.ask('DELETE', `processes/${killed}`)).toBe(404);
    await eventually(() => expect(isAlive(killed)).toBe(false));
    expect((await fetch(`${main.url}/health`)).status).toBe(503);
    placed.push(...(await Promise.all(someOrders(20).map((order) => main.place(order)))));
    expect((await story.state()).processes).toMatchObject([{ pid: killed, state: 'killed' }]);

    expect(await story.ask('POST', 'processes')).toBe(204);
    expect(await eventuallyDelivered(main, placed)).toBe(100);
    expect((await fetch(`${main.url}/health`)).status).toBe(200);
    expect(await story.state()).toMatchObject({ disorders: 0, repeats: 0 });
  });

  it('share the work; there are four at most', async () => {
    await one();
    expect(await story.ask('POST', 'processes')).toBe(204);
    await eventually(async () => expect((await story.running()).map(({ shards }) => shards)).toEqual([32, 32]), SLOW);
    const answers = [];
    for (let n = 0; n < 3; n++) answers.push(await story.ask('POST', 'processes'));
    expect(answers).toEqual([204, 204, 409]);
  });

  it('end with the demo, however it ends', async () => {
    const worker = await one();
    expect(await main.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    await eventually(() => expect(isAlive(worker)).toBe(false), SLOW);

    main = await DemoProcess.start(demo.main, database.url, { WORKERS: '1' });
    story = new StoryClient(main);
    const next = await one();
    expect(await main.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(isAlive(next)).toBe(false);
    expect(await database.dataSource.query('select * from turnpike_lease')).toEqual([]);
  });

  it('are started and killed by nobody else than who is on this machine, on no other site’s behalf', async () => {
    const worker = await one();
    const others: Record<string, string>[] = [{ 'sec-fetch-site': 'cross-site' }, { 'x-forwarded-for': '203.0.113.9' }];
    for (const headers of others) {
      expect(await story.ask('POST', 'processes', headers)).toBe(403);
      expect(await story.ask('DELETE', `processes/${worker}`, headers)).toBe(403);
    }
    expect(await story.ask('DELETE', `processes/${process.pid}`)).toBe(404);
    expect(await story.running()).toHaveLength(1);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
