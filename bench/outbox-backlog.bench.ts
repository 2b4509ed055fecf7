import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DataSource, type DataSourceOptions, type Logger } from 'typeorm';
import { newDatabase, startOutboxApp } from './outbox-app.js';
import { CountingPublisher, PAYLOAD_BYTES } from './outbox-messages.js';
import type { BenchResult } from './support/bench.js';
import { median } from './support/measure.js';
import { printLine } from './support/print.js';

const RELAY = fileURLToPath(new URL('./outbox-relay-process.js', import.meta.url));
const FEW = 1000;
const MANY = 1_000_000;
const READS = 300;

interface Read {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/**
 * What a backlog of a million messages costs: how long the relay's read of 1000 messages takes beside the same on a table that
 * has no more than these, and the most memory of a relay process with default options while it delivers all of them; on a
 * local Postgres (POSTGRES_URL).
 */
export default async function outboxBacklog(): Promise<BenchResult> {
  const postgresUrl = process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
  const { url, options, drop } = await newDatabase(postgresUrl, 'turnpike_bench_backlog');
  try {
    const read = await captureRead(options);
    const dataSource = await new DataSource(options).initialize();
    await fill(dataSource, 0, FEW);
    const few = await timeOf(dataSource, read, FEW);
    await fill(dataSource, FEW, MANY);
    const many = await timeOf(dataSource, read, FEW);
    const startMs = performance.now();
    const memory = await drainWatched(url, dataSource);
    const drainedPerSecond = (MANY / (performance.now() - startMs)) * 1000;
    await dataSource.destroy();
    return { readOfFewMs: few, readOfManyMs: many, ratio: many / few, drainedPerSecond, ...memory };
  } finally {
    await drop();
  }
}

/** What the relay itself selects in its first read of all shards. */
async function captureRead(database: DataSourceOptions): Promise<Read> {
  let read: Read | undefined;
  const nothing = (): void => undefined;
  const logger: Logger = {
    logQuery: (statement, parameters) => {
      const values = Array.isArray(parameters) ? (parameters as unknown[]) : [];
      const sql = /^copy \(([\s\S]*)\) to stdout/.exec(statement)?.[1] ?? statement;
      const shards = /\{([\d,]*)\}/.exec(sql)?.[1] ?? String(values[0]);
      const readsAll =
        /from turnpike_outbox_entry[\s\S]*order by id limit/.test(sql) && shards.split(',').length === 64;
      if (readsAll) read ??= { sql, values };
    },
    logQueryError: nothing,
    logQuerySlow: nothing,
    logSchemaBuild: nothing,
    logMigration: nothing,
    log: nothing,
  };
  const publisher = new CountingPublisher(100);
  const { app } = await startOutboxApp({ ...database, logger, logging: ['query'] }, { publisher });
  for (let tries = 0; !read && tries < 500; tries += 1) await sleep(20);
  await app.close();
  if (!read) throw new Error('No read of all shards was seen: has its statement changed?');
  return read;
}

/** As many as publishing would write, sooner: 1000 keys, each in one shard. */
async function fill(dataSource: DataSource, from: number, to: number): Promise<void> {
  await dataSource.query(
    `insert into turnpike_outbox_entry
       (shard, message_id, namespace, destination, topic, "key", payload, content_type, headers, created_at)
     select n % 1000 % 64, 'm' || n, 'default', 'default', 'bench', 'key-' || n % 1000, convert_to(repeat('x', ${PAYLOAD_BYTES}), 'UTF8'),
            'application/octet-stream', '{}', 0
     from generate_series(${from}, ${to - 1}) n`,
  );
  await dataSource.query('vacuum analyze turnpike_outbox_entry');
}

async function timeOf(dataSource: DataSource, { sql, values }: Read, expected: number): Promise<number> {
  const tookMs: number[] = [];
  for (let n = 0; n < READS; n += 1) {
    const startMs = performance.now();
    const rows = await dataSource.query<unknown[]>(sql, [...values]);
    tookMs.push(performance.now() - startMs);
    if (rows.length < expected / 2) throw new Error(`a read gave ${rows.length} entries`);
  }
  return median(tookMs.slice(READS / 3));
}

async function drainWatched(url: string, dataSource: DataSource): Promise<Record<string, number>> {
  const child = fork(RELAY, [url, '64', 'defaults'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const samples: NodeJS.MemoryUsage[] = [];
  child.on('message', (message) => {
    if (typeof message === 'object') samples.push(message as NodeJS.MemoryUsage);
  });
  await once(child, 'message');
  child.send('go');
  let left = MANY;
  while (left > 0) {
    await sleep(50);
    const rows = await dataSource.query<unknown[]>('select 1 from turnpike_outbox_entry limit 1');
    left = rows.length;
  }
  child.send('stop');
  await once(child, 'exit');
  printLine('samples of its memory', samples.length);
  const most = (of: keyof NodeJS.MemoryUsage): number => Math.max(...samples.map((sample) => sample[of])) / 1e6;
  return {
    rssMb: most('rss'),
    rssAtStartMb: (samples[0]?.rss ?? Number.NaN) / 1e6,
    heapTotalMb: most('heapTotal'),
    heapUsedMb: most('heapUsed'),
    buffersMb: most('arrayBuffers'),
  };
}
