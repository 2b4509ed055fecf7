import { Injectable } from '@nestjs/common';
import { Transactional, TransactionHost } from '@nestjs-cls/transactional';
import type { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { ProcessBatch } from 'nestjs-turnpike/queue';
import { In } from 'typeorm';
import { insertOrAdd } from '../database/insert-or-add.js';
import { CountedSale } from './counted-sale.entity.js';
import { Revenue } from './revenue.entity.js';
import type { SkuSales } from './sku-sales.js';

@Injectable()
export class RevenueService {
  constructor(private readonly host: TransactionHost<TransactionalAdapterTypeOrm>) {}

  /**
   * Adds what was sold to the revenue, each sale once. A sale may come twice: the follower repeats deliveries whose
   * position was not committed when its process died, and the queue a batch whose worker died. So a sale and the record
   * that it was counted commit together. The record's primary key is what counts: of two workers that find the same sale
   * uncounted, the later one fails, rolls back, and finds it counted when its batch is repeated.
   */
  @Transactional()
  @ProcessBatch('revenue')
  async add(batch: Iterable<SkuSales>): Promise<void> {
    const { tx } = this.host;
    const uncounted = new Map<string, { sku: string; position: number; line: number; amount: number }>();
    for (const { sku, sales } of batch) {
      for (const sale of sales) uncounted.set(nameOf(sale), { ...sale, sku });
    }
    const positions = new Set([...uncounted.values()].map(({ position }) => position));
    for (const sale of await tx.findBy(CountedSale, { position: In([...positions]) })) uncounted.delete(nameOf(sale));
    if (uncounted.size === 0) return;

    const amounts = new Map<string, number>();
    for (const { sku, amount } of uncounted.values()) amounts.set(sku, (amounts.get(sku) ?? 0) + amount);
    await tx.insert(
      CountedSale,
      [...uncounted.values()].map(({ position, line }) => ({ position, line })),
    );
    await insertOrAdd(tx, { name: 'revenue', key: 'sku', amount: 'revenue' }, amounts);
  }

  perSku(): Promise<Revenue[]> {
    return this.host.tx.find(Revenue, { order: { sku: 'ASC' } });
  }
}

function nameOf({ position, line }: CountedSale): string {
  return `${position}/${line}`;
}
