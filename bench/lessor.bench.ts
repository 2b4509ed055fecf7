import { execute } from 'nestjs-turnpike/dialect';
import { lessorMigrationsFor, Partition, StoreLessor, TypeOrmLeaseStore } from 'nestjs-turnpike/lessor';
import { DataSource } from 'typeorm';
import { type BenchResult } from './support/bench.js';
import { median } from './support/measure.js';
import { printLine } from './support/print.js';

const RUNS = 5;
const LEASES = 600;
const TABLE_PREFIX = 'turnpike_bench_';
const PROBE = 'turnpike_bench_probe';
const UNIVERSE = Partition.universe(16);

/** The median of how long each call takes, in µs. They take turns, so that a busy disk or processor slows all alike. */
async function p50(calls: readonly (() => Promise<unknown>)[]): Promise<number[]> {
  const tookMs: number[][] = calls.map(() => []);
  for (let round = 0; round < LEASES; round++) {
    for (const [index, call] of calls.entries()) {
      const startMs = performance.now();
      await call();
      tookMs[index]?.push(performance.now() - startMs);
    }
  }
  return tookMs.map((times) => median(times) * 1000);
}

/** A commit that does not wait for the disk would be no measure for one that must. */
async function refuseUnsafeServer(dataSource: DataSource): Promise<void> {
  for (const setting of ['fsync', 'synchronous_commit']) {
    const { rows } = await execute<{ value: string }>(dataSource, 'select current_setting($1) as value', [setting]);
    if (rows[0]?.value === 'off') throw new Error(`The server of POSTGRES_URL has ${setting} = off.`);
  }
}

/**
 * A lease that is taken and given back at once, against two kinds of round trip: `select 1`, and the commit of a row's
 * update, which waits for the disk, as that of a lease must. POSTGRES_URL says where; the tables are made and dropped.
 */
export default async function lessor(): Promise<BenchResult> {
  const url = process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
  const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
  try {
    await refuseUnsafeServer(dataSource);
    return await withTables(dataSource, () => measure(dataSource));
  } finally {
    await dataSource.destroy();
  }
}

async function withTables(dataSource: DataSource, work: () => Promise<BenchResult>): Promise<BenchResult> {
  const migrations = lessorMigrationsFor(TABLE_PREFIX).map((Migration) => new Migration());
  const runner = dataSource.createQueryRunner();
  for (const migration of migrations) await migration.up(runner);
  try {
    await execute(runner, `create table ${PROBE} (id integer primary key, value integer not null)`);
    await execute(runner, `insert into ${PROBE} values (1, 0)`);
    return await work();
  } finally {
    await execute(runner, `drop table if exists ${PROBE}`);
    for (const migration of migrations) await migration.down(runner);
    await runner.release();
  }
}

async function measure(dataSource: DataSource): Promise<BenchResult> {
  const leases = new StoreLessor(new TypeOrmLeaseStore(dataSource, { tablePrefix: TABLE_PREFIX }));
  const lease = () => leases.withLease('bench', UNIVERSE, 60_000, async (parts) => parts.length);
  const write = () => execute(dataSource, `update ${PROBE} set value = value + 1 where id = $1`, [1]);
  const ask = () => execute(dataSource, 'select 1');
  if ((await lease()) !== 1) throw new Error('wrong result');

  await p50([ask, write, lease]);
  const runs: number[][] = [];
  for (let run = 1; run <= RUNS; run++) {
    const [askUs = Number.NaN, commitUs = Number.NaN, leaseUs = Number.NaN] = await p50([ask, write, lease]);
    printLine(`run ${run}: µs a lease`, leaseUs);
    runs.push([askUs, commitUs, leaseUs, leaseUs / askUs, leaseUs / commitUs]);
  }
  const of = (column: number): number => median(runs.map((run) => run[column] ?? Number.NaN));
  return {
    microsecondsPerQuery: of(0),
    microsecondsPerCommit: of(1),
    microsecondsPerLease: of(2),
    leaseInQueries: of(3),
    leaseInCommits: of(4),
  };
}
