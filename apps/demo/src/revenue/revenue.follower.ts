import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { Checkpoints } from 'nestjs-turnpike/checkpoint';
import { InjectLessor, Partition, type Lease, type Lessor } from 'nestjs-turnpike/lessor';
import { InjectQueue, type Queue } from 'nestjs-turnpike/queue';
import { DataSource, In } from 'typeorm';
import { DeliveriesService } from '../deliveries/deliveries.service.js';
import type { Delivery } from '../deliveries/delivery.entity.js';
import { OrderLine } from '../orders/order-line.entity.js';
import type { SkuSales } from './sku-sales.js';

/** There is one sequence of deliveries to follow, and so one part to lease. */
const ALL = Partition.fromInts(0n, 1n);
const LEASE_MS = 3000;
const PAGE = 100;
/** What a page hardly ever takes. */
const PAGE_MS = 500;
const POLL_MS = 200;
const RETRY_MS = 1000;

/**
 * Follows the deliveries and pushes what was sold to the queue `revenue`.
 *
 * - One process at a time does so, by a lease; a process that dies is replaced within `LEASE_MS`.
 * - It goes on after the checkpoint's position, which moves past a delivery only when all of its sales are stored in the
 *   queue. That suffices, because the queue is kept in the database: what is in it will be counted, by whichever process,
 *   so nothing has to wait for the counting. After a crash the deliveries above the position are pushed again, and
 *   `RevenueService` does not count them twice.
 */
@Injectable()
export class RevenueFollower implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private readonly logger = new Logger(RevenueFollower.name);
  private following: Promise<void> | undefined;

  constructor(
    @InjectLessor() private readonly lessor: Lessor,
    private readonly checkpoints: Checkpoints,
    @InjectQueue('revenue') private readonly queue: Queue<SkuSales>,
    private readonly deliveries: DeliveriesService,
    @InjectDataSource() private readonly db: DataSource,
  ) {}

  onApplicationBootstrap(): void {
    this.following = this.followUntil(this.stopping.signal);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.following;
  }

  private async followUntil(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        await this.followWhileLeased(stop);
        await pause(POLL_MS, stop);
      } catch (error) {
        if (!stop.aborted) this.logger.warn(`Following is interrupted, and goes on soon: ${String(error)}`);
        await pause(RETRY_MS, stop);
      }
    }
  }

  /** Ends with the lease, to take another one; at once when another process has it. */
  private followWhileLeased(stop: AbortSignal): Promise<void> {
    return this.lessor.withLease(
      'revenue-follower',
      ALL,
      LEASE_MS,
      async (parts, lease) => {
        if (parts.length > 0) await this.follow(lease).catch(unlessEnded(lease.signal));
      },
      { signal: stop },
    );
  }

  private async follow({ signal, expiresAtMs }: Lease): Promise<void> {
    await using checkpoint = await this.checkpoints.open('revenue');
    let position = checkpoint.committed ?? 0;
    // A page that the end of the lease cuts off is pushed again by the next owner: none is begun in the last moments.
    while (!signal.aborted && Date.now() < expiresAtMs - PAGE_MS) {
      const page = await this.deliveries.after(position, PAGE);
      if (page.length === 0) {
        await pause(POLL_MS, signal);
        continue;
      }
      const stored: (() => unknown)[] = [];
      for (const delivery of page) stored.push(await checkpoint.track(delivery.position, { signal }));
      for (const sales of await this.salesOf(page)) await this.queue.push(sales, { signal });
      await this.queue.flush({ signal });
      for (const resolve of stored) resolve();
      position = page.at(-1)?.position ?? position;
    }
  }

  private async salesOf(page: readonly Delivery[]): Promise<SkuSales[]> {
    const positions = new Map(page.map(({ orderId, position }) => [orderId, position]));
    const lines = await this.db.manager.findBy(OrderLine, { orderId: In([...positions.keys()]) });
    return lines.map(({ orderId, line, sku, quantity, unitPrice }) => ({
      sku,
      sales: [{ position: positions.get(orderId)!, line, amount: quantity * unitPrice }],
    }));
  }
}

/** What fails because the lease has ended, or the app stops, is no failure: the next owner goes on. */
function unlessEnded(signal: AbortSignal) {
  return (error: unknown): void => {
    if (!signal.aborted) throw error;
  };
}

/** Ends early with the signal. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
