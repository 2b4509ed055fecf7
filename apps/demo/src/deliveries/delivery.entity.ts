import { Column, Entity, PrimaryColumn } from 'typeorm';
import { asDate, asNumber } from '../database/column-values.js';

/** That an order was delivered. The position says which came after which, over all customers. */
@Entity('delivery')
export class Delivery {
  @PrimaryColumn({ type: 'bigint', transformer: asNumber })
  position!: number;

  @Column({ name: 'order_id', type: 'varchar', length: 36 })
  orderId!: string;

  @Column({ name: 'customer_id', type: 'varchar', length: 100 })
  customerId!: string;

  @Column({ type: 'bigint', transformer: asNumber })
  number!: number;

  @Column({ name: 'delivered_at', type: 'bigint', transformer: asDate })
  deliveredAt!: Date;
}
