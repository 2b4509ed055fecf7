import { expect } from 'vitest';
import type { PlacedOrder } from '../../apps/demo/src/orders/order.dto.js';
import { CUSTOMERS, SKUS, type DemoClient } from './demo-client.js';
import { eventually } from './eventually.js';

/**
 * Waits until what must hold in the end does, whatever crashed: each acknowledged order was delivered, once; a customer's
 * orders in the order of their numbers, which have no gaps; and the revenue is that of what was delivered. An order that
 * was not acknowledged may have been saved all the same: then all of this holds for it too. Answers how many there are.
 */
export function eventuallyDelivered(client: DemoClient, acknowledged: readonly PlacedOrder[]): Promise<number> {
  const orders = new Map(acknowledged.map((order) => [order.id, order]));
  const check = async (): Promise<number> => {
    const delivered = new Set(await deliveredOrders(client));
    expect(acknowledged.filter(({ id }) => !delivered.has(id))).toEqual([]);
    for (const id of delivered) if (!orders.has(id)) orders.set(id, await client.order(id));
    const revenue = await client.revenue();
    expect(revenue.filter(({ sku }) => SKUS.includes(sku))).toEqual(revenueOf([...orders.values()]));
    for (const order of acknowledged.slice(0, 10)) {
      const { deliveries, ...found } = await client.order(order.id);
      expect(found).toEqual(order);
      expect(deliveries).toHaveLength(1);
    }
    return delivered.size;
  };
  return eventually(check, { withinMs: 30_000 });
}

/** Answers the ids of the delivered orders. */
async function deliveredOrders(client: DemoClient): Promise<string[]> {
  const perCustomer = await Promise.all(CUSTOMERS.map((customer) => client.deliveriesTo(customer)));
  for (const deliveries of perCustomer) {
    expect(deliveries.map(({ number }) => number)).toEqual(deliveries.map((_, i) => i + 1));
  }
  const delivered = perCustomer.flat().map(({ orderId }) => orderId);
  expect(new Set(delivered).size).toBe(delivered.length);
  return delivered;
}

function revenueOf(orders: readonly PlacedOrder[]): { sku: string; revenue: number }[] {
  const revenue = new Map<string, number>();
  for (const { sku, quantity, unitPrice } of orders.flatMap(({ lines }) => lines)) {
    revenue.set(sku, (revenue.get(sku) ?? 0) + quantity * unitPrice);
  }
  return [...revenue].map(([sku, amount]) => ({ sku, revenue: amount })).toSorted((a, b) => (a.sku < b.sku ? -1 : 1));
}
