import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { outboxTables } from './tables.js';

const TABLES = outboxTables();

/*
 * These describe the outbox's tables for queries of your own, such as a page that shows what is parked: add them to the
 * DataSource's `entities` to use them. The tables are made by `outboxMigrations` alone (`synchronize: false`): a schema
 * made from entities would lack what order and speed stand on. They have the default prefix's names. The outbox itself never reads or writes through them.
 */

abstract class MessageColumns {
  @PrimaryColumn({ type: 'integer' })
  shard!: number;

  /** In commit order within the shard. A 64-bit integer, which TypeORM gives as text. */
  @PrimaryColumn({ type: 'bigint' })
  id!: string;

  @Column({ name: 'message_id', type: 'varchar', length: 255 })
  messageId!: string;

  @Column({ type: 'varchar', length: 255 })
  namespace!: string;

  @Column({ type: 'varchar', length: 100 })
  destination!: string;

  @Column({ type: 'varchar', length: 255 })
  topic!: string;

  @Column({ type: 'varchar', length: 255, nullable: true })
  key!: string | null;

  @Column({ name: 'content_type', type: 'varchar', length: 100 })
  contentType!: string;

  /** JSON. */
  @Column({ type: 'text' })
  headers!: string;

  /** ms since the epoch, by the database's clock. */
  @Column({ name: 'created_at', type: 'bigint' })
  createdAt!: string;
}

/** A message on its way. */
@Entity({ name: TABLES.entry, synchronize: false })
export class OutboxEntryEntity extends MessageColumns {}

/** A message that waits: failed or delayed (an id below 0), until `availableAt`; or behind a failed one of its key, with none. */
@Entity({ name: TABLES.parked, synchronize: false })
@Index(['shard', 'destination', 'availableAt'], { where: 'available_at is not null' })
export class OutboxParkedEntity extends MessageColumns {
  @Column({ type: 'integer' })
  attempts!: number;

  @Column({ name: 'available_at', type: 'bigint', nullable: true })
  availableAt!: string | null;

  /** JSON: the newest attempts. */
  @Column({ type: 'text', nullable: true })
  history!: string | null;
}

/** A message that was given up. */
@Entity({ name: TABLES.deadLetter, synchronize: false })
export class DeadLetterEntity extends MessageColumns {
  @Column({ type: 'integer' })
  attempts!: number;

  /** JSON: the newest attempts. */
  @Column({ type: 'text', nullable: true })
  history!: string | null;

  /** ms since the epoch, by the database's clock. */
  @Column({ name: 'dead_at', type: 'bigint' })
  deadAt!: string;

  /** 1: the later messages of its key wait for it. */
  @Column({ type: 'integer' })
  holds!: number;
}

/** A message that a consumer has processed. */
@Entity({ name: TABLES.inbox, synchronize: false })
export class InboxEntity {
  @PrimaryColumn({ type: 'varchar', length: 255 })
  consumer!: string;

  @PrimaryColumn({ name: 'message_id', type: 'varchar', length: 255 })
  messageId!: string;

  /** ms since the epoch, by the database's clock. */
  @Column({ name: 'processed_at', type: 'bigint' })
  processedAt!: string;
}

export const outboxEntities = [OutboxEntryEntity, OutboxParkedEntity, DeadLetterEntity, InboxEntity];
