import { Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * A row of `turnpike_checkpoint`, for reading it with TypeORM: nothing here writes through it. The table is made by
 * `checkpointMigrations`, not by `synchronize`, which would compare names without regard to case on MySQL and MariaDB.
 */
@Entity('turnpike_checkpoint')
export class CheckpointEntity {
  @PrimaryColumn({ type: 'varchar', length: 255 })
  stream!: string;

  @PrimaryColumn({ type: 'varchar', length: 255 })
  partition!: string;

  /** JSON text; null until a position was saved. */
  @Column({ type: 'text', nullable: true })
  position!: string | null;

  /** How often it was opened: the fencing token of the newest owner. Text on Postgres and MySQL. */
  @Column({ type: 'bigint' })
  epoch!: string;

  /** When it was last opened or saved, in ms since the epoch by the database's clock. */
  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt!: string;
}
