import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, DataSourceOptions, Logger } from 'typeorm';
import { startOutboxApp } from './outbox-app.js';
import { CountingPublisher, publishMany } from './outbox-messages.js';

/** What the drain is measured with; the same in every run. */
export const DRAIN_SETTINGS = { batchSize: 4000, maxInFlight: 4000, publisherBatchSize: 1000 } as const;

export interface Drained {
  readonly perSecond: number;
  readonly eventLoopP99Ms: number;
  /** Of write-ahead log, from the publishing to the deletion; Postgres only. */
  readonly walBytesPerMessage: number;
  /** That the relay's connections were sent while draining. */
  readonly statementsPer1000: number;
}

/** Fills the tables with so many messages, and measures how long a relay takes until they are delivered and deleted. */
export async function drain(database: DataSourceOptions, count: number): Promise<Drained> {
  const { batchSize, maxInFlight, publisherBatchSize } = DRAIN_SETTINGS;
  const filling = await startOutboxApp(database, { relay: false });
  const wal = await walBytes(filling.dataSource);
  await publishMany(filling, count);
  const filledBytes = (await walBytes(filling.dataSource)) - wal;
  if (database.type === 'postgres') await filling.dataSource.query('vacuum analyze');
  await filling.app.close();

  const publisher = new CountingPublisher(publisherBatchSize);
  const statements = new CountingLogger();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const counted = { ...database, logger: statements, logging: ['query'] } as DataSourceOptions;
  const { app, dataSource } = await startOutboxApp(counted, { publisher, relay: { batchSize, maxInFlight } });
  const walBefore = await walBytes(dataSource);
  const startMs = performance.now();
  delay.enable();
  await publisher.reached(count);
  // Asking often would be work for the server; asking seldom would be counted as work.
  while (await left(dataSource)) await sleep(2);
  const tookMs = performance.now() - startMs;
  delay.disable();
  const drainedBytes = (await walBytes(dataSource)) - walBefore;
  await app.close();
  return {
    perSecond: (count / tookMs) * 1000,
    eventLoopP99Ms: delay.percentile(99) / 1e6,
    walBytesPerMessage: (filledBytes + drainedBytes) / count,
    statementsPer1000: (statements.count / count) * 1000,
  };
}

class CountingLogger implements Logger {
  count = 0;

  logQuery(): void {
    this.count += 1;
  }
  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}

async function left(dataSource: DataSource): Promise<boolean> {
  return (await dataSource.query('select 1 as one from turnpike_outbox_entry limit 1')).length > 0;
}

async function walBytes(dataSource: DataSource): Promise<number> {
  if (dataSource.options.type !== 'postgres') return Number.NaN;
  const [row] = await dataSource.query<{ bytes: string }[]>(
    `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bytes`,
  );
  return Number(row?.bytes);
}
