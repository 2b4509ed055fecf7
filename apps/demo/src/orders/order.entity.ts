import { Column, Entity, PrimaryColumn } from 'typeorm';
import { asDate, asNumber } from '../database/column-values.js';

@Entity('orders')
export class Order {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  @Column({ name: 'customer_id', type: 'varchar', length: 100 })
  customerId!: string;

  @Column({ type: 'bigint', transformer: asNumber })
  number!: number;

  @Column({ type: 'bigint', transformer: asNumber })
  total!: number;

  @Column({ name: 'placed_at', type: 'bigint', transformer: asDate })
  placedAt!: Date;
}
