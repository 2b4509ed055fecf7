import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A row of `turnpike_queue_dead_letter` without its bytes, for reading it with TypeORM; as `QueueBatchEntity`. */
@Entity('turnpike_queue_dead_letter', { synchronize: false })
export class QueueDeadLetterEntity {
  /** Text on Postgres and MySQL, as `diedAt`. */
  @PrimaryColumn({ type: 'bigint' })
  id!: string;

  @Column({ type: 'varchar', length: 100 })
  queue!: string;

  /** In ms since the epoch by the database's clock. */
  @Column({ name: 'died_at', type: 'bigint' })
  diedAt!: string;

  @Column({ type: 'varchar', length: 100 })
  codec!: string;

  /** The message of the last attempt's error. */
  @Column({ type: 'text' })
  error!: string;
}
