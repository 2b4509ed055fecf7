import { Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * A row of `turnpike_lease`: who has what, for reading it with TypeORM; nothing here writes through it. The table is made
 * by `lessorMigrations`, not by `synchronize`, which would compare names without regard to case on MySQL and MariaDB.
 */
@Entity('turnpike_lease')
export class LeaseEntity {
  @PrimaryColumn({ type: 'varchar', length: 255 })
  section!: string;

  /** Hex of 65 digits, as is `high`. */
  @PrimaryColumn({ type: 'varchar', length: 65 })
  low!: string;

  @Column({ type: 'varchar', length: 65 })
  high!: string;

  /** The `memberId` of a balancer, or the lessor's `holder`. */
  @Column({ type: 'varchar', length: 255 })
  holder!: string;

  /** Text on Postgres and MySQL. */
  @Column({ type: 'bigint' })
  token!: string;

  /** In ms since the epoch by the database's clock. A row whose time has passed is free. */
  @Column({ name: 'lease_until', type: 'bigint' })
  leaseUntil!: string;
}
