import { Column, Entity, PrimaryColumn } from 'typeorm';
import { asNumber } from '../database/column-values.js';

@Entity('order_line')
export class OrderLine {
  @PrimaryColumn({ name: 'order_id', type: 'varchar', length: 36 })
  orderId!: string;

  /** From 0, within the order. */
  @PrimaryColumn({ type: 'integer' })
  line!: number;

  @Column({ type: 'varchar', length: 100 })
  sku!: string;

  @Column({ type: 'integer' })
  quantity!: number;

  @Column({ name: 'unit_price', type: 'bigint', transformer: asNumber })
  unitPrice!: number;
}
