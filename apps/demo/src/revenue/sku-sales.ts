import { merging } from 'nestjs-turnpike/queue';

/** An order line that was delivered: the delivery's position and the line's place in the order name it. */
export interface Sale {
  readonly position: number;
  readonly line: number;
  readonly amount: number;
}

/** The queue's item: sales of one product. */
export interface SkuSales {
  readonly sku: string;
  readonly sales: readonly Sale[];
}

/** However many sales of a product are buffered, they are one item: one row to add to. */
export function mergedBySku() {
  return merging<SkuSales>(
    ({ sku }) => sku,
    (former, later) => ({ sku: former.sku, sales: [...former.sales, ...later.sales] }),
  );
}
