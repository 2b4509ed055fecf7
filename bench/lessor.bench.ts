import { execute } from 'nestjs-turnpike/dialect';
import { lessorMigrationsFor, Partition, StoreLessor, TypeOrmLeaseStore } from 'nestjs-turnpike/lessor';
import { DataSource } from 'typeorm';
import { type BenchResult } from './support/bench.js';
import { median } from './support/measure.js';

const ROUNDS = 1000;
const TABLE_PREFIX = 'turnpike_bench_';
const PROBE = 'turnpike_bench_probe';
const UNIVERSE = Partition.universe(16);

/** The median of how long each call takes, in ms. They take turns, so that a busy disk or processor slows all alike. */
async function p50(calls: readonly (() => Promise<unknown>)[]): Promise<number[]> {
  const tookMs: number[][] = calls.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, call] of calls.entries()) {
      const startMs = performance.now();
      await call();
      tookMs[index]?.push(performance.now() - startMs);
    }
  }
  return tookMs.map(median);
}

/**
 * A lease that is taken and given back at once, against what a round trip costs: one that only asks, and one whose commit
 * waits for the disk, as that of a lease must. POSTGRES_URL says where; the tables are made and dropped.
 */
export default async function lessor(): Promise<BenchResult> {
  const url = process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
  const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
  const migrations = lessorMigrationsFor(TABLE_PREFIX).map((Migration) => new Migration());
  const runner = dataSource.createQueryRunner();
  try {
    for (const migration of migrations) await migration.up(runner);
    await execute(dataSource, `create table ${PROBE} (id integer primary key, value integer not null)`);
    await execute(dataSource, `insert into ${PROBE} values (1, 0)`);

    const leases = new StoreLessor(new TypeOrmLeaseStore(dataSource, { tablePrefix: TABLE_PREFIX }));
    const lease = () => leases.withLease('bench', UNIVERSE, 60_000, async (parts) => parts.length);
    const write = () => execute(dataSource, `update ${PROBE} set value = value + 1 where id = $1`, [1]);
    if ((await lease()) !== 1) throw new Error('wrong result');

    const ask = () => execute(dataSource, 'select $1::integer', [1]);
    await p50([ask, write, lease]);
    const [askMs = Number.NaN, commitMs = Number.NaN, leaseMs = Number.NaN] = await p50([ask, write, lease]);
    return {
      microsecondsPerQuery: askMs * 1000,
      microsecondsPerCommit: commitMs * 1000,
      microsecondsPerLease: leaseMs * 1000,
      leaseInQueries: leaseMs / askMs,
      leaseInCommits: leaseMs / commitMs,
    };
  } finally {
    await execute(dataSource, `drop table if exists ${PROBE}`);
    for (const migration of migrations) await migration.down(runner);
    await runner.release();
    await dataSource.destroy();
  }
}
