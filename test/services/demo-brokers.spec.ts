import { randomUUID } from 'node:crypto';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { BrokerSettings } from '../../apps/demo/src/broker/broker.js';
import { createApp } from '../../apps/demo/src/create-app.js';
import type { PlacedOrder } from '../../apps/demo/src/orders/order.dto.js';
import { testDatabases, type TestDatabase } from '../support/databases.js';
import { demoBroker, type DemoBroker, type DemoBrokerName } from '../support/demo-broker.js';
import { buildDemo } from '../support/demo-build.js';
import { eventuallyDelivered } from '../support/demo-checks.js';
import { acknowledged, DemoClient, someOrders } from '../support/demo-client.js';
import { DemoProcess } from '../support/demo-process.js';
import { eventually } from '../support/eventually.js';
import { KafkaBroker } from '../support/kafka-broker.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { WebhookServer } from '../support/webhook-server.js';

let demo: Awaited<ReturnType<typeof buildDemo>>;
let database: TestDatabase;

beforeAll(async () => {
  demo = await buildDemo();
});
afterAll(() => demo.remove());
beforeEach(async () => {
  const [, open] = testDatabases().find(([name]) => name === 'postgres') ?? [];
  if (!open) throw new Error('There is no Postgres in this tier.');
  database = await open();
  onTestFinished(() => database.close());
});

async function start(broker: BrokerSettings): Promise<{ app: NestExpressApplication; client: DemoClient }> {
  const app = await createApp({ databaseUrl: database.url, broker }, { logger: false });
  onTestFinished(() => app.close());
  await app.listen(0, '127.0.0.1');
  return { app, client: new DemoClient(await app.getUrl()) };
}

async function health(client: DemoClient): Promise<{ details: { broker: Record<string, unknown> } }> {
  return (await (await fetch(`${client.url}/health`)).json()) as { details: { broker: Record<string, unknown> } };
}

const brokers: [string, DemoBrokerName][] = [
  ['RabbitMQ', 'rabbitmq'],
  ['NATS', 'nats'],
  ['Redis', 'redis'],
];

describe.each(brokers)('The demo with %s', (name, kind) => {
  let broker: DemoBroker;

  beforeEach(async () => {
    broker = await demoBroker(kind);
    onTestFinished(() => broker.close());
  });

  it('delivers what comes from there once and in order per customer, though it is killed, and though it comes again', async () => {
    const settings = { BROKER_URL: broker.url, BROKER_TOPIC: broker.topic };
    const killed = await DemoProcess.start(demo.main, database.url, settings);
    onTestFinished(async () => void (await killed.kill('SIGKILL')));
    const placed = await Promise.all(someOrders(100).map((order) => killed.place(order)));
    await eventuallyDelivered(killed, placed);
    const placing = someOrders(300).map((order) => killed.place(order));
    const answered = acknowledged(placing);
    await Promise.all(placing.slice(0, 100));
    await killed.kill('SIGKILL');
    placed.push(...(await answered));

    // All that a log has comes again. Of a queue, one message does.
    await database.dataSource.query(`update turnpike_checkpoint set position = null where stream like 'broker/%'`);
    const [seen] = await database.dataSource.query<{ message_id: string }[]>(
      `select message_id from turnpike_inbox where consumer = 'deliveries' limit 1`,
    );
    const [{ id, customerId, number } = {} as PlacedOrder] = placed;
    await broker.add({ id: seen!.message_id, key: customerId, body: JSON.stringify({ id, customerId, number }) });

    const again = await DemoProcess.start(demo.main, database.url, settings);
    onTestFinished(async () => void (await again.kill('SIGKILL')));
    expect(await health(again)).toMatchObject({ details: { broker: { name } } });
    placed.push(...(await Promise.all(someOrders(50).map((order) => again.place(order)))));
    await eventuallyDelivered(again, placed);
    // Whatever is repeated has come by now: it lies before this one.
    placed.push(await again.place(someOrders(1)[0]!));
    await eventuallyDelivered(again, placed);
    expect(await again.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it('goes on when the connection was lost, and starts without the broker: health says so, and never a password', async () => {
    const proxy = await TcpProxy.before(broker.url);
    onTestFinished(() => proxy.close());
    await proxy.cut();
    const url = new URL(proxy.through(broker.url));
    const password = url.password || 'hunter2'; // NATS and Redis take any, as they ask for none
    url.password = password;
    const { client } = await start({ url: url.href, topic: broker.topic });
    await eventually(async () =>
      expect(await health(client)).toMatchObject({ status: 'error', details: { broker: { name, state: 'away' } } }),
    );
    const placed = [await client.place(someOrders(1)[0]!)];

    await proxy.reopen();
    await eventuallyDelivered(client, placed);
    expect(await health(client)).toMatchObject({ details: { broker: { state: 'consuming' } } });

    await proxy.cut();
    placed.push(...(await Promise.all(someOrders(50).map((order) => client.place(order)))));
    const { details } = await eventually(async () => {
      const answer = await health(client);
      expect(answer.details.broker).toMatchObject({ state: 'away' });
      return answer;
    });
    expect(JSON.stringify(details)).not.toContain(password);
    await proxy.reopen();
    await eventuallyDelivered(client, placed);
  });

  it('goes on after what was settled when it was stopped', async () => {
    const settings = { url: broker.url, topic: broker.topic };
    const stopped = await start(settings);
    const placed = await Promise.all(someOrders(50).map((order) => stopped.client.place(order)));
    await eventuallyDelivered(stopped.client, placed);
    await stopped.app.close();
    // Without it, whatever comes again would be delivered again.
    await database.dataSource.query('delete from turnpike_inbox');

    const { client } = await start(settings);
    placed.push(await client.place(someOrders(1)[0]!));
    expect(await eventuallyDelivered(client, placed)).toBe(51);
  });

  it('passes over what is no order of its own', async () => {
    const { client } = await start({ url: broker.url, topic: broker.topic });
    const placed = [await client.place(someOrders(1)[0]!)];
    await eventuallyDelivered(client, placed);
    const { customerId } = placed[0]!;
    for (const body of ['', '{', '[]', 'null', '{"id":1}', JSON.stringify({ id: '../1', customerId, number: 2 })]) {
      await broker.add({ id: randomUUID(), key: customerId, body });
    }
    await broker.add({ id: '', key: customerId, body: JSON.stringify(placed[0]) });
    placed.push(await client.place(someOrders(1)[0]!));
    expect(await eventuallyDelivered(client, placed)).toBe(2);
  });
});

it('The demo with Kafka gives each order to it, in order per customer', async () => {
  const kafka = await KafkaBroker.start(['orders']);
  onTestFinished(() => kafka.stop());
  const { client } = await start({ url: kafka.url, topic: 'orders' });
  const placed = await Promise.all(someOrders(50).map((order) => client.place(order)));
  await eventually(() => expect(kafka.topics.get('orders')).toHaveLength(placed.length));
  const records = kafka.topics.get('orders')!;
  const arrived = records.map(({ value }) => JSON.parse(value.toString()) as PlacedOrder);
  expect(records.map(({ key }) => key)).toEqual(arrived.map(({ customerId }) => customerId));
  expectInOrder(arrived, placed);
  expect(await health(client)).toMatchObject({ details: { broker: { status: 'up', state: 'sending only' } } });
});

it('The demo with an HTTP endpoint posts each order there, in order per customer, signed', async () => {
  const endpoint = await WebhookServer.start();
  onTestFinished(() => endpoint.stop());
  const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
  const { client } = await start({ url: endpoint.url, topic: 'orders', secret });
  const placed = await Promise.all(someOrders(50).map((order) => client.place(order)));
  await eventually(() => expect(endpoint.received).toHaveLength(placed.length));
  expect(endpoint.received.every(({ headers }) => String(headers['webhook-signature']).startsWith('v1,'))).toBe(true);
  expectInOrder(
    endpoint.received.map(({ body }) => JSON.parse(body.toString()) as PlacedOrder),
    placed,
  );
});

function expectInOrder(arrived: readonly PlacedOrder[], placed: readonly PlacedOrder[]): void {
  const inOrder = (orders: readonly PlacedOrder[]): PlacedOrder[] =>
    orders.toSorted((a, b) => (a.customerId < b.customerId ? -1 : a.customerId > b.customerId ? 1 : 0));
  const numbered = placed.toSorted((a, b) => a.number - b.number);
  expect(inOrder(arrived)).toEqual(inOrder(numbered));
}
