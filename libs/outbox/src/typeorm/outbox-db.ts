import { dialectOf, type Dialect } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import { outboxTables, type OutboxTables } from './tables.js';

/** What every statement of the outbox needs to know. */
export interface OutboxDb {
  readonly dataSource: DataSource;
  readonly dialect: Dialect;
  readonly tables: OutboxTables;
  /** How long a publishing transaction waits for its shards. */
  readonly publishLockTimeoutMs: number;
}

export const DEFAULT_PUBLISH_LOCK_TIMEOUT_MS = 5000;

export function outboxDb(
  dataSource: DataSource,
  options: { readonly tablePrefix?: string; readonly publishLockTimeoutMs?: number } = {},
): OutboxDb {
  const { tablePrefix, publishLockTimeoutMs = DEFAULT_PUBLISH_LOCK_TIMEOUT_MS } = options;
  return { dataSource, dialect: dialectOf(dataSource), tables: outboxTables(tablePrefix), publishLockTimeoutMs };
}
