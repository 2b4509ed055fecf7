import { setTimeout as sleep } from 'node:timers/promises';
import { SystemClock } from 'nestjs-turnpike/timing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { testDatabases, type TestDatabase } from '../../../../test/support/databases.js';
import { Partition } from '../core/partition.js';
import { StoreLessor } from '../core/lessor.js';
import { leaseStoreContract } from '../testing/lease-store-contract.js';
import { lessorContract } from '../testing/lessor-contract.js';
import { LeaseEntity } from './lease.entity.js';
import { lessorMigrations, lessorMigrationsFor } from './migrations.js';
import { TypeOrmLeaseStore } from './typeorm-lease-store.js';

class SkewedClock extends SystemClock {
  constructor(private readonly skewMs: number) {
    super();
  }
  override now(): number {
    return super.now() + this.skewMs;
  }
}

describe.each(testDatabases())('TypeOrmLeaseStore on %s', (_name, open) => {
  let db: TestDatabase;
  let store: TypeOrmLeaseStore;
  let other: TypeOrmLeaseStore;

  beforeAll(async () => {
    db = await open({
      migrations: [...lessorMigrations, ...lessorMigrationsFor('app_')],
      entities: [LeaseEntity],
    });
    store = new TypeOrmLeaseStore(db.dataSource);
    // Two DataSources on one SQLite file in one process block each other's event loop: there it is its own other.
    other = new TypeOrmLeaseStore(db.name === 'sqlite' ? db.dataSource : await db.connect());
  });
  afterAll(() => db.close());

  it.each(leaseStoreContract)('%s', async (_rule, check) => {
    await expect(check({ store, other, pass: (ms) => sleep(ms) })).resolves.toBeUndefined();
  });

  it.each(lessorContract)('with a lessor: %s', async (_rule, check) => {
    await expect(check(new StoreLessor(store), new StoreLessor(other))).resolves.toBeUndefined();
  });

  it.each([600_000, -600_000])('does not care that a wall clock is %i ms off', async (skewMs) => {
    const skewed = new StoreLessor(store, { clock: new SkewedClock(skewMs) });
    const right = new StoreLessor(other);
    const all = Partition.fromInts(0, 64);
    const section = `skewed ${skewMs}`;
    const parts = async (parts: readonly Partition[]) => parts.map(String);
    await right.withLease(section, all, 60_000, async () => {
      expect(await skewed.withLease(section, all, 60_000, parts), 'it does not steal').toEqual([]);
    });
    await skewed.withLease(section, all, 60_000, async (_, { signal }) => {
      expect(await right.withLease(section, all, 60_000, parts), 'it does not lose').toEqual([]);
      expect(signal.aborted).toBe(false);
    });
  });

  it('wakes the balancers of a section when parts come free or members come and go, where it can', async () => {
    const heard: string[] = [];
    const unwatch = store.watch?.('watched', () => heard.push('watched'));
    const told = (times: number) => vi.waitFor(() => expect(heard).toHaveLength(unwatch ? times : 0));
    try {
      await told(1); // It has begun to listen.
      await other.heartbeat('watched', 'm', 60_000);
      await told(2);
      await other.heartbeat('watched', 'm', 60_000); // It was there already.
      await other.heartbeat('another', 'm', 60_000);
      const request = { section: 'watched', holder: 'h', desired: [Partition.fromInts(0, 1)], termMs: 60_000 };
      const { token } = await other.acquire(request);
      await other.release('watched', [{ partition: Partition.fromInts(0, 1), token }]);
      await told(3);
      await other.heartbeat('watched', 'm', 0);
      await told(4);
    } finally {
      await unwatch?.();
    }
  });

  it('says who holds what, in the order of the key space, without what has expired or was released', async () => {
    const take = (holder: string, low: number, high: number, termMs: number) =>
      store.acquire({ section: 'looked at', holder, desired: [Partition.fromInts(low, high)], termMs });
    await take('b', 100, 200, 60_000);
    await take('a', 9, 16, 60_000);
    await take('expired', 16, 32, 1);
    const released = await take('released', 32, 40, 60_000);
    await store.release('looked at', [{ partition: Partition.fromInts(32, 40), token: released.token }]);
    await vi.waitFor(async () =>
      expect((await other.leases('looked at')).map(({ holder, partition }) => [holder, String(partition)])).toEqual([
        ['a', '9_10'],
        ['b', '64_c8'],
      ]),
    );
    const [lease] = await other.leases('looked at');
    expect(lease?.endsInMs).toBeGreaterThan(50_000);
    expect(lease?.endsInMs).toBeLessThanOrEqual(60_000);
    expect(await other.leases('nothing here')).toEqual([]);
  });

  it('writes rows that the entity reads', async () => {
    const desired = [Partition.fromInts(10, 32)];
    const { token } = await store.acquire({ section: 'rows', holder: 'me', desired, termMs: 60_000 });
    const row = await db.dataSource.getRepository(LeaseEntity).findOneByOrFail({ section: 'rows' });
    expect(row).toMatchObject({ low: 'a'.padStart(65, '0'), high: '20'.padStart(65, '0'), holder: 'me' });
    expect(BigInt(row.token)).toBe(token);
    expect(Math.abs(Number(row.leaseUntil) - Date.now() - 60_000)).toBeLessThan(5000);
  });

  it('removes expired leases that nobody asked for in a day', async () => {
    const dayAgo = Date.now() - 25 * 3_600_000;
    await db.dataSource.query(
      `insert into turnpike_lease (section, low, high, holder, token, lease_until) values
       ('old', '${'1'.padStart(65, '0')}', '${'2'.padStart(65, '0')}', 'x', 1, ${dayAgo})`,
    );
    await store.acquire({ section: 'old', holder: 'y', desired: [Partition.fromInts(8, 9)], termMs: 1000 });
    expect(await db.dataSource.query(`select holder from turnpike_lease where section = 'old'`)).toEqual([
      { holder: 'y' },
    ]);
  });

  it('keeps its tables under the prefix it is given', async () => {
    const prefixed = new TypeOrmLeaseStore(db.dataSource, { tablePrefix: 'app_' });
    const request = { section: 's', holder: 'h', desired: [Partition.fromInts(0, 1)], termMs: 60_000 };
    expect((await prefixed.acquire(request)).parts).toHaveLength(1);
    expect((await store.acquire(request)).parts).toHaveLength(1);
    expect(() => new TypeOrmLeaseStore(db.dataSource, { tablePrefix: 'App-' })).toThrow(RangeError);
  });

  it('undoes its migrations', async () => {
    const fresh = await open({ migrations: [...lessorMigrations] });
    try {
      await fresh.dataSource.undoLastMigration();
      await expect(fresh.dataSource.query('select 1 from turnpike_lease')).rejects.toThrow(/turnpike_lease/);
    } finally {
      await fresh.close();
    }
  });
});
