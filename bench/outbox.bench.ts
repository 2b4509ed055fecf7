import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { newDatabase } from './outbox-app.js';
import { drain, DRAIN_SETTINGS, type Drained } from './outbox-drain.js';
import { latency, LATENCY_SETTINGS } from './outbox-latency.js';
import { KEYS, PAYLOAD_BYTES } from './outbox-messages.js';
import { drainGraphileWorker, GRAPHILE_WORKER_SETTINGS, loadGraphileWorker } from './outbox-peer-graphile-worker.js';
import { drainByProcesses } from './outbox-processes.js';
import { transactionCost } from './outbox-transaction-cost.js';
import type { BenchResult } from './support/bench.js';
import { median } from './support/measure.js';
import { printLine } from './support/print.js';

const RUNS = 5;
const MESSAGES = 200_000;
/** SQLite and MariaDB take longer. */
const FEWER = 50_000;

/**
 * The outbox on a local Postgres (POSTGRES_URL), and graphile-worker on the same server, in turns; then on SQLite and MariaDB
 * (MARIADB_URL), and with several relay processes. Each has a database of its own, made and dropped here.
 */
export default async function outbox(): Promise<BenchResult> {
  const postgresUrl = process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
  console.log(
    `${MESSAGES.toLocaleString('en-US')} messages of ${PAYLOAD_BYTES} bytes, ${KEYS} keys, in order per key; one relay, a publisher that takes ` +
      `all: ${JSON.stringify(DRAIN_SETTINGS)}; the server's own durability`,
  );
  console.log(`graphile-worker: ${JSON.stringify(GRAPHILE_WORKER_SETTINGS)}, no order, a task that does nothing`);
  const { url, options, drop } = await newDatabase(postgresUrl, 'turnpike_bench_outbox');
  const peer = await newDatabase(postgresUrl, 'turnpike_bench_peer');
  try {
    // First: afterwards, this process has had millions of messages.
    const { p50Ms, p99Ms } = await latencies(postgresUrl);
    const { cost } = await onItsOwn(postgresUrl, transactionCost);
    const { costs, ...drains } = await drainInTurns(options, peer.url);
    for (const processes of [1, 2, 4]) {
      printLine(`drained by ${processes} processes /s`, await drainByProcesses(url, processes, MESSAGES));
    }
    await drainElsewhere();
    return {
      ...drains,
      latencyP50Ms: p50Ms,
      latencyP99Ms: p99Ms,
      transactionCost: cost,
      ...costs,
    };
  } finally {
    await drop();
    await peer.drop();
  }
}

/** Medians of the runs: a disk that stalls once shows in one run's p99, and in no other. */
async function latencies(postgresUrl: string): Promise<{ p50Ms: number; p99Ms: number }> {
  const runs: { p50Ms: number; p99Ms: number }[] = [];
  for (let run = 1; run <= RUNS; run += 1) {
    runs.push(await onItsOwn(postgresUrl, latency));
    printLine(`run ${run}: p50 ms at ${LATENCY_SETTINGS.perSecond} tx/s`, runs.at(-1)?.p50Ms ?? Number.NaN);
    printLine(`run ${run}: p99 ms`, runs.at(-1)?.p99Ms ?? Number.NaN);
  }
  return { p50Ms: median(runs.map(({ p50Ms }) => p50Ms)), p99Ms: median(runs.map(({ p99Ms }) => p99Ms)) };
}

/** On a database that nothing else has used; what the drains have left to the server is written to disk before. */
async function onItsOwn<Result>(
  serverUrl: string,
  measure: (options: DataSourceOptions) => Promise<Result>,
): Promise<Result> {
  const { options, drop } = await newDatabase(serverUrl, 'turnpike_bench_outbox_alone');
  const server = await new DataSource(options).initialize();
  await server.query('checkpoint');
  await server.destroy();
  try {
    return await measure(options);
  } finally {
    await drop();
  }
}

async function drainInTurns(options: Parameters<typeof drain>[0], peerUrl: string) {
  const worker = loadGraphileWorker();
  if (!worker) console.log('graphile-worker is left out: npm ci --prefix bench installs it');
  await drain(options, FEWER); // until the code is compiled
  const ours: Drained[] = [];
  const theirs: number[] = [];
  for (let run = 1; run <= RUNS; run += 1) {
    ours.push(await drain(options, MESSAGES));
    if (worker) theirs.push(await drainGraphileWorker(worker, peerUrl, MESSAGES));
    printLine(`run ${run}: drained per second`, ours.at(-1)?.perSecond ?? Number.NaN);
    if (worker) printLine(`run ${run}: graphile-worker`, theirs.at(-1) ?? Number.NaN);
  }
  const of = (name: keyof Drained): number => median(ours.map((one) => one[name]));
  const ratios = ours.map(({ perSecond }, run) => perSecond / (theirs[run] ?? Number.NaN));
  return {
    drainPerSecond: of('perSecond'),
    peerDrainPerSecond: median(theirs),
    ratio: median(ratios),
    costs: {
      walBytesPerMessage: of('walBytesPerMessage'),
      statementsPer1000: of('statementsPer1000'),
      eventLoopP99Ms: of('eventLoopP99Ms'),
    },
  };
}

async function drainElsewhere(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-bench-'));
  try {
    const file = { type: 'better-sqlite3', database: join(folder, 'bench.sqlite'), enableWAL: true } as const;
    printLine('SQLite: drained per second', (await drain(file, FEWER)).perSecond);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const mariadbUrl = process.env['MARIADB_URL'] ?? 'mariadb://root@127.0.0.1:3306/mysql';
  const mariadb = await newDatabase(mariadbUrl, 'turnpike_bench_outbox').catch((error: unknown) => {
    console.log(`MariaDB is left out: ${String(error)}`);
    return undefined;
  });
  if (!mariadb) return;
  try {
    printLine('MariaDB: drained per second', (await drain(mariadb.options, FEWER)).perSecond);
  } finally {
    await mariadb.drop();
  }
}
