import { expect } from 'vitest';
import type { OrderWithDeliveries, PlacedOrder } from '../../apps/demo/src/orders/order.dto.js';
import { CUSTOMERS, SKUS, type DemoClient } from './demo-client.js';
import { eventually } from './eventually.js';

/**
 * Waits until what must hold in the end does, whatever crashed: each acknowledged order was delivered, once; a customer's
 * orders in the order of their numbers, which have no gaps; and the revenue is that of what was delivered. An order that
 * was not acknowledged may have been saved all the same: then all of this holds for it too. Answers how many there are.
 */
export function eventuallyDelivered(client: DemoClient, acknowledged: readonly PlacedOrder[]): Promise<number> {
  const orders = new Map<string, OrderWithDeliveries>();
  const check = async (): Promise<number> => {
    const delivered = await checkDeliveries(client);
    expect(delivered).toEqual(expect.arrayContaining(acknowledged.map(({ id }) => id)));
    const fresh = delivered.filter((id) => !orders.has(id));
    for (const order of await Promise.all(fresh.map((id) => client.order(id)))) orders.set(order.id, order);
    const revenue = await client.revenue();
    expect(revenue.filter(({ sku }) => SKUS.includes(sku))).toEqual(revenueOf([...orders.values()]));
    for (const order of acknowledged) {
      expect(orders.get(order.id)).toMatchObject(order);
      expect(orders.get(order.id)?.deliveries).toHaveLength(1);
    }
    return delivered.length;
  };
  return eventually(check, { withinMs: 30_000 });
}

/** Answers the ids of the delivered orders. */
async function checkDeliveries(client: DemoClient): Promise<string[]> {
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
