import type { NestExpressApplication } from '@nestjs/platform-express';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../apps/demo/src/create-app.js';
import { RevenueService } from '../../apps/demo/src/revenue/revenue.service.js';
import type { Sale, SkuSales } from '../../apps/demo/src/revenue/sku-sales.js';
import { testDatabases, type TestDatabase } from '../support/databases.js';
import { eventuallyDelivered } from '../support/demo-checks.js';
import { DemoClient, someOrders } from '../support/demo-client.js';
import { eventually } from '../support/eventually.js';

const order = { customerId: 'c1', lines: [{ sku: 'mug', quantity: 2, unitPrice: 500 }] };

describe.each(testDatabases())('The demo on %s', (_name, open) => {
  let database: TestDatabase;
  let app: NestExpressApplication;
  let client: DemoClient;

  beforeAll(async () => {
    database = await open();
    app = await createApp({ databaseUrl: database.url }, { logger: ['error', 'fatal'] });
    await app.listen(0, '127.0.0.1');
    client = new DemoClient(await app.getUrl());
  });

  afterAll(async () => {
    await app.close();
    await database.close();
  });

  const http = () => request(app.getHttpServer());

  it('places orders, numbered per customer, delivers them in that order, and adds them up', async () => {
    const placed = [];
    for (const customerId of ['c1', 'c1', 'c2', 'C1']) placed.push(await client.place({ ...order, customerId }));
    expect(placed.map(({ number, total }) => [number, total])).toEqual([
      [1, 1000],
      [2, 1000],
      [1, 1000],
      [1, 1000],
    ]);

    const [first, second] = placed;
    const deliveredAt = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string;
    await eventually(async () => {
      expect(await client.deliveriesTo('c1')).toEqual([
        { orderId: first?.id, number: 1, deliveredAt },
        { orderId: second?.id, number: 2, deliveredAt },
      ]);
      expect(await client.revenue()).toContainEqual({ sku: 'mug', revenue: 4000 });
    });
    expect(await client.order(first!.id)).toEqual(Object.assign(first!, { deliveries: [{ deliveredAt }] }));
  });

  it('delivers 200 orders placed at once: each one once, in order per customer, and revenue adds up', async () => {
    const placed = await Promise.all(someOrders(200).map((order) => client.place(order)));
    expect(await eventuallyDelivered(client, placed)).toBe(200);
  });

  it('counts a sale once, though the queue may bring it twice: in a batch, in two, or to two workers', async () => {
    const sale = { position: 1e9, line: 0, amount: 100 };
    const batch = (...sales: Sale[]): SkuSales[] => [{ sku: 'jam', sales }];
    const revenue = app.get(RevenueService, { strict: false });
    await revenue.add(batch(sale, sale));
    await revenue.add(batch(sale, { ...sale, line: 1 }));
    await revenue.add(batch(sale));
    // The later one of the two may fail: the queue would repeat it.
    const next = batch({ ...sale, position: 1e9 + 1 });
    await Promise.allSettled([revenue.add(next), revenue.add(next)]);
    expect(await client.revenue()).toContainEqual({ sku: 'jam', revenue: 300 });
  });

  it.each([
    ['no body', undefined, 'customerId'],
    ['an array', [], 'customerId'],
    ['no customer', { lines: order.lines }, 'customerId'],
    ['an empty customer', { ...order, customerId: '' }, 'customerId'],
    ['a customer that is a number', { ...order, customerId: 1 }, 'customerId'],
    ['a customer of 101 characters', { ...order, customerId: 'c'.repeat(101) }, 'customerId'],
    ['a customer with NUL', { ...order, customerId: 'c\0' }, 'customerId'],
    ['a customer with half a surrogate pair', { ...order, customerId: 'c\ud800' }, 'customerId'],
    ['no lines', { customerId: 'c1' }, 'lines'],
    ['empty lines', { ...order, lines: [] }, 'lines'],
    ['lines that are an object', { ...order, lines: { 0: order.lines[0] } }, 'lines'],
    ['101 lines', { ...order, lines: Array(101).fill(order.lines[0]) }, 'lines'],
    ['a line that is null', { ...order, lines: [null] }, 'lines'],
    ['a line that is a number', { ...order, lines: [7] }, 'lines'],
    ['a line that is an array', { ...order, lines: [[]] }, 'lines'],
    ['no sku', line({ sku: undefined }), 'lines.0.sku'],
    ['a sku that is an object', line({ sku: {} }), 'lines.0.sku'],
    ['no quantity', line({ quantity: undefined }), 'lines.0.quantity'],
    ['a quantity of 0', line({ quantity: 0 }), 'lines.0.quantity'],
    ['a quantity of 1.5', line({ quantity: 1.5 }), 'lines.0.quantity'],
    ['a quantity in text', line({ quantity: '2' }), 'lines.0.quantity'],
    ['a huge quantity', line({ quantity: Number.MAX_SAFE_INTEGER }), 'lines.0.quantity'],
    ['a negative price', line({ unitPrice: -1 }), 'lines.0.unitPrice'],
    ['a huge price', line({ unitPrice: 1e300 }), 'lines.0.unitPrice'],
    ['a field that it does not know', { ...order, total: 1 }, 'total'],
    ['a field of a line that it does not know', line({ price: 1 }), 'lines.0.property price'],
  ])('refuses %s, and names the field', async (_what, body, field) => {
    const { status, body: answer } = await http().post('/orders').send(body);
    expect([status, answer]).toEqual([400, expect.objectContaining({ message: expect.anything() as unknown })]);
    expect((answer as { message: string[] }).message.join()).toContain(field);
  });

  it.each([
    ['malformed JSON', 'application/json', '{"customerId":', 400],
    ['JSON that is no object', 'application/json', '"c1"', 400],
    ['a prototype for the order', 'application/json', '{"__proto__":{"customerId":"c1","lines":[]}}', 400],
    ['a number beyond all numbers', 'application/json', JSON.stringify(order).replace('500', '1e999'), 400],
    ['text', 'text/plain', JSON.stringify(order), 400],
    ['a character set that it does not know', 'application/json; charset=klingon', JSON.stringify(order), 415],
    ['more than 100 kB', 'application/json', ' '.repeat(200_000), 413],
  ])('refuses %s', async (_what, type, body, status) => {
    const answer = await http().post('/orders').set('content-type', type).send(body);
    expect(answer.status).toBe(status);
  });

  it('takes the largest order, and exactly', async () => {
    const largest = { sku: '🍵'.repeat(100), quantity: 10_000, unitPrice: 100_000_000 };
    const placed = await client.place({ customerId: '__proto__', lines: Array.from({ length: 100 }, () => largest) });
    expect(placed).toMatchObject({ number: 1, total: 1e14 });
    await eventually(async () =>
      expect(await client.revenue()).toContainEqual({ sku: largest.sku, revenue: placed.total }),
    );
  });

  it.each(['/orders/01890a5d-ac96-774b-bcce-b302099a8057', '/orders/1', '/orders/%00', '/orders/a%20b'])(
    'knows no %s',
    async (path) => {
      expect((await http().get(path)).status).toBe(404);
    },
  );

  it.each(['', '?customerId=', '?customerId=c1&customerId=c2', '?customerId=%00', '?customerId=c1&limit=1'])(
    'refuses deliveries%s, and names the parameter',
    async (query) => {
      const { status, text } = await http().get(`/deliveries${query}`);
      expect(status).toBe(400);
      expect(text).toContain(query.includes('limit') ? 'limit' : 'customerId');
    },
  );

  it('answers a path that is no text with 400', async () => {
    expect((await http().get('/orders/%E0%A4%A')).status).toBe(400);
  });

  it('is healthy, in each of its parts', async () => {
    const { body } = await http().get('/health').expect(200);
    const up = expect.objectContaining({ status: 'up' }) as unknown;
    expect(body).toMatchObject({
      status: 'ok',
      details: { outbox: up, queue: up, barrier: up, checkpoint: up, lessor: up },
    });
  });

  it.each(['outbox_published_total', 'queue_items_pushed', 'checkpoint_committed_total', 'lessor_held_parts'])(
    'counts turnpike_%s',
    async (metric) => {
      await eventually(async () => expect(await client.metric(metric)).toBeGreaterThan(0));
    },
  );

  it('shows that the outbox holds no key', async () => {
    expect(await client.metric('barrier_held_keys')).toBe(0);
  });

  it('shows that no customer waits', async () => {
    expect(await client.metric('barrier_held_keys')).toBe(0);
  });

  it('describes its interface', async () => {
    const { body } = await http().get('/docs-json').expect(200);
    const { paths, components } = body as { paths: object; components: { schemas: object } };
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['/orders', '/orders/{id}', '/deliveries', '/revenue', '/health', '/metrics']),
    );
    expect(components.schemas).toMatchObject({
      PlaceOrder: { required: ['customerId', 'lines'] },
      PlaceOrderLine: { properties: { quantity: { type: 'integer', minimum: 1 }, unitPrice: { minimum: 0 } } },
    });
    await http().get('/docs').expect(200).expect('content-type', /html/);
  });
});

/** The order with one line, changed. */
function line(change: object): object {
  return { ...order, lines: [{ ...order.lines[0], ...change }] };
}
