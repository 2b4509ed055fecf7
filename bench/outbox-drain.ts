import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSourceOptions } from 'typeorm';
import { startOutboxApp } from './outbox-app.js';
import { CountingPublisher, publishMany } from './outbox-messages.js';

/** What the drain is measured with; the same in every run. */
export const DRAIN_SETTINGS = { batchSize: 4000, maxInFlight: 4000, publisherBatchSize: 1000 } as const;

export interface Drained {
  readonly perSecond: number;
  readonly eventLoopP99Ms: number;
  readonly statements: number;
}

/** Fills the tables with so many messages, and measures how long a relay takes until they are delivered and deleted. */
export async function drain(database: DataSourceOptions, count: number): Promise<Drained> {
  const { batchSize, maxInFlight, publisherBatchSize } = DRAIN_SETTINGS;
  const filling = await startOutboxApp(database, { relay: false });
  await publishMany(filling, count);
  await filling.dataSource.query(database.type === 'postgres' ? 'vacuum analyze' : 'select 1');
  await filling.app.close();

  const publisher = new CountingPublisher(publisherBatchSize);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const draining = await startOutboxApp(database, { publisher, relay: { batchSize, maxInFlight } });
  const startMs = performance.now();
  delay.enable();
  await publisher.reached(count);
  while (await left(draining.dataSource)) await sleep(1);
  const tookMs = performance.now() - startMs;
  delay.disable();
  const statements = 0;
  await draining.app.close();
  return { perSecond: (count / tookMs) * 1000, eventLoopP99Ms: delay.percentile(99) / 1e6, statements };
}

async function left(dataSource: { query: (sql: string) => Promise<unknown[]> }): Promise<boolean> {
  const rows = await dataSource.query('select 1 as one from turnpike_outbox_entry limit 1');
  return rows.length > 0;
}
