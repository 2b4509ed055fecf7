import type { DeliveryOfCustomer } from '../../apps/demo/src/deliveries/delivery.dto.js';
import type { OrderWithDeliveries, PlacedOrder } from '../../apps/demo/src/orders/order.dto.js';
import type { PlaceOrder } from '../../apps/demo/src/orders/place-order.dto.js';
import type { RevenueOfSku } from '../../apps/demo/src/revenue/revenue.controller.js';

/** The demo's interface, as anyone uses it over HTTP. */
export class DemoClient {
  constructor(readonly url: string) {}

  /** Rejects unless the order was acknowledged: then it may have been saved, or not. */
  async place(order: PlaceOrder): Promise<PlacedOrder> {
    return this.ask('/orders', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(order),
    });
  }

  order(id: string): Promise<OrderWithDeliveries> {
    return this.ask(`/orders/${id}`);
  }

  deliveriesTo(customerId: string): Promise<DeliveryOfCustomer[]> {
    return this.ask(`/deliveries?customerId=${encodeURIComponent(customerId)}`);
  }

  revenue(): Promise<RevenueOfSku[]> {
    return this.ask('/revenue');
  }

  /** The sum of a metric over its labels, without `turnpike_`; NaN where there is none. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const samples = [...text.matchAll(new RegExp(`^turnpike_${name}(?:{.*})? (.*)$`, 'gm'))];
    return samples.length === 0 ? NaN : samples.reduce((sum, [, value]) => sum + Number(value), 0);
  }

  private async ask<Answer>(path: string, init?: RequestInit): Promise<Answer> {
    const response = await fetch(this.url + path, init);
    const body = await response.text();
    if (!response.ok) throw new Error(`${init?.method ?? 'GET'} ${path} was answered ${response.status}: ${body}`);
    return JSON.parse(body) as Answer;
  }
}

export const CUSTOMERS = ['ann', 'bob', 'cat', 'dan', 'eve'];
export const SKUS = ['cup', 'pot', 'tea'];

/** Orders of one to three lines of `SKUS`, spread over `CUSTOMERS`; always the same ones. */
export function someOrders(count: number): PlaceOrder[] {
  return Array.from({ length: count }, (_, i) => ({
    customerId: CUSTOMERS[i % CUSTOMERS.length]!,
    lines: SKUS.slice(0, 1 + (i % 3)).map((sku, line) => ({ sku, quantity: 1 + (i % 4), unitPrice: 100 * line + i })),
  }));
}

/** The orders that were acknowledged, when all have been answered or refused. */
export async function acknowledged(placing: readonly Promise<PlacedOrder>[]): Promise<PlacedOrder[]> {
  const outcomes = await Promise.allSettled(placing);
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}
