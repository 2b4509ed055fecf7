import { setTimeout as sleep } from 'node:timers/promises';
import { execute } from 'nestjs-turnpike/dialect';
import { DataSource, type QueryRunner } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { dataSourceOptions, testDatabases, type TestDatabase } from '../../../../test/support/databases.js';
import type { LeasedPart, LeaseStore } from '../core/lease-store.js';
import { Partition } from '../core/partition.js';
import { contend } from '../testing/contention.js';
import { lessorMigrations } from './migrations.js';
import { TypeOrmLeaseStore } from './typeorm-lease-store.js';

const [LOW, HIGH] = Partition.fromInts(0, 64).split(2) as [Partition, Partition];
const ALL = Partition.fromInts(0, 64);

describe.each(testDatabases().filter(([name]) => name === 'postgres'))('TypeOrmLeaseStore on %s alone', (_, open) => {
  let db: TestDatabase;
  let store: TypeOrmLeaseStore;

  beforeAll(async () => {
    db = await open({ migrations: [...lessorMigrations] });
    store = new TypeOrmLeaseStore(db.dataSource);
  });
  afterAll(() => db.close());

  const acquire = (section: string, desired: readonly Partition[], termMs = 60_000) =>
    store.acquire({ section, holder: 'h', desired, termMs });

  const connect = (options: string): Promise<DataSource> =>
    new DataSource({ ...dataSourceOptions(db.url), extra: { options } }).initialize();

  /** Counts the statements that `work` sends, those of transactions too. */
  async function statements(work: () => Promise<unknown>): Promise<number> {
    let count = 0;
    const create = db.dataSource.createQueryRunner.bind(db.dataSource);
    const spy = vi.spyOn(db.dataSource, 'createQueryRunner').mockImplementation((...args): QueryRunner => {
      const runner = create(...args);
      const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<never>;
      runner.query = (...args: unknown[]) => (count++, query(...args));
      return runner;
    });
    await work();
    spy.mockRestore();
    return count;
  }

  it('leases what is free in one statement, and renews and releases in one', async () => {
    await acquire('counted', []);
    const counts: number[] = [];
    let token = 0n;
    counts.push(await statements(async () => ({ token } = await acquire('counted', [ALL]))));
    const parts = [{ partition: ALL, token }];
    counts.push(await statements(() => store.renew('counted', parts, 60_000)));
    counts.push(await statements(() => store.heartbeat('counted', 'm', 60_000)));
    counts.push(await statements(() => store.release('counted', parts)));
    expect(counts).toEqual([1, 1, 2, 1]);
    expect(await statements(() => store.heartbeat('counted', 'm', 60_000)), 'a member that stays').toBe(1);
  });

  it('leases the rest of a range, or of a list, in two or three, also where a lease has expired', async () => {
    await acquire('rest', [LOW], 1);
    await sleep(5);
    expect(await statements(() => acquire('rest', [ALL]))).toBe(3);
    await acquire('list', [LOW]);
    expect(await statements(() => acquire('list', [LOW, HIGH]))).toBe(2);
  });

  it('leaves the connection as it was: its next commit waits for the disk', async () => {
    const one = new DataSource({ ...dataSourceOptions(db.url), poolSize: 1 } as never);
    await one.initialize();
    try {
      const lone = new TypeOrmLeaseStore(one);
      const { token } = await lone.acquire({ section: 'one', holder: 'h', desired: [ALL], termMs: 60_000 });
      await lone.heartbeat('one', 'm', 60_000);
      await lone.heartbeat('one', 'm', 0);
      await lone.release('one', [{ partition: ALL, token }]);
      const { rows } = await execute(one, 'show synchronous_commit');
      expect(rows).toEqual([{ synchronous_commit: 'on' }]);
    } finally {
      await one.destroy();
    }
  });

  it.each([
    ['renewals', (one: LeaseStore, parts: readonly LeasedPart[]) => one.renew('crossed', parts, 60_000)],
    ['releases', (one: LeaseStore, parts: readonly LeasedPart[]) => one.release('crossed', parts)],
  ])('has no deadlock between %s that come upon the same leases in different orders', async (_name, call) => {
    const shards = Partition.universe(16).split(2000);
    const byIndex = await connect('-c enable_seqscan=off -c enable_bitmapscan=off');
    const asTheyLie = await connect('-c enable_indexscan=off -c enable_indexonlyscan=off -c enable_bitmapscan=off');
    try {
      const stores = [byIndex, asTheyLie].map((dataSource) => new TypeOrmLeaseStore(dataSource));
      for (let round = 0; round < 4; round++) {
        const { token } = await acquire('crossed', shards.toReversed());
        const parts = shards.map((partition) => ({ partition, token }));
        await expect(Promise.all(stores.map((one) => call(one, parts)))).resolves.toHaveLength(2);
        await store.release('crossed', parts);
      }
    } finally {
      await byIndex.destroy();
      await asTheyLie.destroy();
    }
  });

  it.each(['repeatable read', 'serializable'])('goes on where %s is the default', async (isolation) => {
    const strict = await connect(`-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`);
    try {
      const { overlaps, granted } = await contend([new TypeOrmLeaseStore(strict), new TypeOrmLeaseStore(strict)], 300);
      expect(overlaps).toEqual([]);
      expect(granted).toBeGreaterThan(30);
    } finally {
      await strict.destroy();
    }
  });
});
