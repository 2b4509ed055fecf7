import { serializeSqlite } from 'nestjs-turnpike/dialect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabases, type TestDatabase } from '../../../../test/support/databases.js';
import { PersistentBarrier } from '../core/persistent-barrier.js';
import { heldKeyStoreContract } from '../testing/index.js';
import { HeldKeyEntity } from './held-key.entity.js';
import { barrierMigrations, barrierMigrationsFor } from './migrations.js';
import { TypeOrmHeldKeyStore } from './typeorm-held-key-store.js';

describe.each(testDatabases())('HeldKeyStore on %s', (_name, open) => {
  let database: TestDatabase;
  let store: TypeOrmHeldKeyStore;
  let other: TypeOrmHeldKeyStore;

  beforeAll(async () => {
    database = await open({ migrations: [...barrierMigrations], entities: [HeldKeyEntity] });
    store = new TypeOrmHeldKeyStore(serializeSqlite(database.dataSource));
    other = new TypeOrmHeldKeyStore(serializeSqlite(await database.connect()));
  });
  afterAll(() => database.close());

  it.each(heldKeyStoreContract)('%s', async (_rule, check) => {
    await expect(check(store, other)).resolves.toBeUndefined();
  });

  it('holds after a restart what a barrier held before, also when it was told inside a transaction', async () => {
    const errors: unknown[] = [];
    const before = await PersistentBarrier.open<string, bigint>({
      name: 'restarted',
      store,
      jobIdType: 'bigint',
      onStoreError: (error) => errors.push(error),
    });
    await database.dataSource.transaction(async (tx) => {
      before.stateChanged('a', 2n ** 62n, 'failed', new Error('no route'));
      before.stateChanged('b', 1n, 'failed');
      await tx.query('select 1');
      before.stateChanged('b', 1n, 'succeeded');
      before.sync();
    });
    await before.saved();
    expect(errors).toEqual([]);
    const after = await PersistentBarrier.open<string, bigint>({
      name: 'restarted',
      store: other,
      jobIdType: 'bigint',
    });
    expect(after.holds()).toEqual(before.holds());
    expect(after.enter('a', 2n ** 62n + 1n)).toEqual({ accepted: false, previousFailedJobId: 2n ** 62n });
  });

  it('writes rows that the entity reads', async () => {
    const held = [{ key: 'customer 7', failedJobId: 42n, sinceMs: 1000, lastError: 'no route' }];
    await store.save('orders', { held, released: [] });
    const row = await database.dataSource.getRepository(HeldKeyEntity).findOneByOrFail({ barrier: 'orders' });
    expect(row).toMatchObject({ key: 'customer 7', lastError: 'no route' });
    expect([Number(row.failedJobId), Number(row.since)]).toEqual([42, 1000]);
  });

  it('has a migration that leaves nothing for TypeORM to change', async () => {
    const { upQueries } = await database.dataSource.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('keeps tables of different prefixes apart, and takes its own away', async () => {
    const separate = await open({ migrations: [...barrierMigrationsFor('one_'), ...barrierMigrationsFor('two_')] });
    try {
      const one = new TypeOrmHeldKeyStore(serializeSqlite(separate.dataSource), { tablePrefix: 'one_' });
      const two = new TypeOrmHeldKeyStore(separate.dataSource, { tablePrefix: 'two_' });
      await one.save('b', { held: [{ key: 'a', failedJobId: 1n, sinceMs: 1, lastError: undefined }], released: [] });
      expect(await one.load('b')).toHaveLength(1);
      expect(await two.load('b')).toEqual([]);
      await separate.dataSource.undoLastMigration();
      await expect(two.load('b')).rejects.toThrow(/two_held_key/);
      expect(await one.load('b')).toHaveLength(1);
    } finally {
      await separate.close();
    }
  });

  it.each(['', 'a b', 'x"; drop table y; --', 'Upper_', 'a'.repeat(32)])('refuses the prefix %j', (tablePrefix) => {
    const rule = /^tablePrefix must be lower-case letters, digits and underscores/;
    expect(() => new TypeOrmHeldKeyStore(database.dataSource, { tablePrefix })).toThrow(rule);
    expect(() => barrierMigrationsFor(tablePrefix)).toThrow(rule);
  });
});
