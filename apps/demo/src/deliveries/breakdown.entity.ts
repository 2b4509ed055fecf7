import { Entity, PrimaryColumn } from 'typeorm';

/** A customer to whom no delivery succeeds until it is mended. A row and not a variable: every process has to know. */
@Entity('breakdown')
export class Breakdown {
  @PrimaryColumn({ name: 'customer_id', type: 'varchar', length: 100 })
  customerId!: string;
}
