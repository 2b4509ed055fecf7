import { Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * A row of `turnpike_held_key`, for reading it with TypeORM: nothing here writes through it. The table is made by
 * `barrierMigrations`, not by `synchronize`, which would compare keys without regard to case on MySQL and MariaDB.
 */
@Entity('turnpike_held_key')
export class HeldKeyEntity {
  @PrimaryColumn({ type: 'varchar', length: 128 })
  barrier!: string;

  @PrimaryColumn({ type: 'varchar', length: 512 })
  key!: string;

  /** Text on Postgres and MySQL. */
  @Column({ name: 'failed_job_id', type: 'bigint' })
  failedJobId!: string;

  /** When the key became held, in ms since the epoch by the holder's clock. */
  @Column({ type: 'bigint' })
  since!: string;

  /** What the failed job failed with last, if that was told. */
  @Column({ name: 'last_error', type: 'varchar', length: 1000, nullable: true })
  lastError!: string | null;
}
