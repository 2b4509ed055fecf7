import { setImmediate } from 'node:timers/promises';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { OrdersService } from '../orders/orders.service.js';
import { CUSTOMERS } from './customers.js';

export const LOAD_ORDERS = 1000;
const PARALLEL = 8;

export interface LoadProgress {
  readonly total: number;
  readonly placed: number;
  /** By customer: the numbers of the orders that the load has placed. */
  readonly numbers: ReadonlyMap<string, { readonly first: number; readonly last: number }>;
  readonly startedAtMs: number;
  /** Why it ended early. */
  readonly failure: string | undefined;
}

/** Places many orders, spread over the customers. */
@Injectable()
export class Load implements OnModuleDestroy {
  private readonly stopping = new AbortController();
  private current:
    (LoadProgress & { placed: number; numbers: Map<string, { first: number; last: number }> }) | undefined;
  private running: Promise<void> | undefined;

  constructor(private readonly orders: OrdersService) {}

  /** Of the newest one. */
  get progress(): LoadProgress | undefined {
    return this.current;
  }

  /** False: one is under way. */
  start(): boolean {
    if (this.running) return false;
    const load = { total: LOAD_ORDERS, placed: 0, numbers: new Map(), startedAtMs: Date.now(), failure: undefined };
    this.current = load;
    this.running = this.placeAll(load)
      .catch((error: unknown) => {
        this.current = { ...load, failure: String(error) };
      })
      .finally(() => (this.running = undefined));
    return true;
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async placeAll(load: NonNullable<typeof this.current>): Promise<void> {
    let begun = 0;
    const place = async (): Promise<void> => {
      while (begun < load.total && !this.stopping.signal.aborted) {
        const customerId = CUSTOMERS[begun % CUSTOMERS.length]!;
        begun += 1;
        await setImmediate(); // SQLite answers at once, and nobody else would have a turn
        const { number } = await this.orders.place({
          customerId,
          lines: [{ sku: 'mug', quantity: 1, unitPrice: 500 }],
        });
        const { first = number, last = number } = load.numbers.get(customerId) ?? {};
        load.numbers.set(customerId, { first: Math.min(first, number), last: Math.max(last, number) });
        load.placed += 1;
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, place));
  }
}
