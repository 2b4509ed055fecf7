import { Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * A row of `turnpike_queue_batch` without its bytes, for reading it with TypeORM: nothing here writes through it. The
 * table is made by `queueMigrations`. `synchronize` leaves it alone, as no type of its bytes exists on every database.
 */
@Entity('turnpike_queue_batch', { synchronize: false })
export class QueueBatchEntity {
  /** Text on Postgres and MySQL, as all `bigint` columns here. */
  @PrimaryColumn({ type: 'bigint' })
  id!: string;

  @Column({ type: 'varchar', length: 100 })
  queue!: string;

  /** When it was stored, in ms since the epoch by the database's clock, as the next one. */
  @Column({ name: 'stored_at', type: 'bigint' })
  storedAt!: string;

  /** When it may be claimed: of a claimed one, when its claim ends. */
  @Column({ name: 'available_at', type: 'bigint' })
  availableAt!: string;

  /** Of its latest claim; null when it was given back. */
  @Column({ type: 'varchar', length: 36, nullable: true })
  token!: string | null;

  @Column({ type: 'varchar', length: 100 })
  codec!: string;

  @Column({ type: 'int' })
  items!: number;
}
