import { Column, Entity, type EntityManager, PrimaryColumn } from 'typeorm';
import { asNumber } from './column-values.js';
import { insertOrAdd } from './insert-or-add.js';

/** A series of numbers, such as the order numbers of a customer. */
@Entity('series')
export class Series {
  @PrimaryColumn({ type: 'varchar', length: 120 })
  name!: string;

  @Column({ type: 'bigint', transformer: asNumber })
  last!: number;
}

/**
 * Draws the next number of a series: 1, 2, 3, … without gaps, and in the order in which the transactions commit. The
 * series stays locked until then, so the next one to draw waits. An auto-increment could do neither: it gives a number
 * away at once, and a transaction that drew a higher one may commit first, or the one that drew the lower may roll back.
 */
export async function nextOf(name: string, tx: EntityManager): Promise<number> {
  await insertOrAdd(tx, { name: 'series', key: 'name', amount: 'last' }, new Map([[name, 1]]));
  return (await tx.findOneByOrFail(Series, { name })).last;
}
