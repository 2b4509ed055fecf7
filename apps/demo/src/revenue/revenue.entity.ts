import { Column, Entity, PrimaryColumn } from 'typeorm';
import { asNumber } from '../database/column-values.js';

@Entity('revenue')
export class Revenue {
  @PrimaryColumn({ type: 'varchar', length: 100 })
  sku!: string;

  @Column({ type: 'bigint', transformer: asNumber })
  revenue!: number;
}
