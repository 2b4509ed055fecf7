import { Entity, PrimaryColumn } from 'typeorm';
import { asNumber } from '../database/column-values.js';

/** An order line that is in the revenue already, so that it is not added again when it comes again. */
@Entity('counted_sale')
export class CountedSale {
  /** Of the delivery. */
  @PrimaryColumn({ type: 'bigint', transformer: asNumber })
  position!: number;

  @PrimaryColumn({ type: 'integer' })
  line!: number;
}
