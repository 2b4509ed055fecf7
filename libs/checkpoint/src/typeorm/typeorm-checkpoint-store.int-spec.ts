import { serializeSqlite } from 'nestjs-turnpike/dialect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabases, type TestDatabase } from '../../../../test/support/databases.js';
import { checkpointStoreContract } from '../testing/index.js';
import { CheckpointEntity } from './checkpoint.entity.js';
import { checkpointMigrations, checkpointMigrationsFor } from './migrations.js';
import { TypeOrmCheckpointStore } from './typeorm-checkpoint-store.js';

describe.each(testDatabases())('CheckpointStore on %s', (name, open) => {
  let database: TestDatabase;
  let store: TypeOrmCheckpointStore;
  let other: TypeOrmCheckpointStore;

  beforeAll(async () => {
    database = await open({ migrations: [...checkpointMigrations], entities: [CheckpointEntity] });
    store = new TypeOrmCheckpointStore(serializeSqlite(database.dataSource));
    other = new TypeOrmCheckpointStore(serializeSqlite(await database.connect()));
  });
  afterAll(() => database.close());

  it.each(checkpointStoreContract)('%s', async (_rule, check) => {
    await expect(check(store, other)).resolves.toBeUndefined();
  });

  it('writes rows that the entity reads, with the time of the database', async () => {
    const before = Date.now();
    await store.open('orders', 'eu');
    await store.save('orders', 'eu', 1n, { offset: 3 });
    const row = await database.dataSource.getRepository(CheckpointEntity).findOneByOrFail({ stream: 'orders' });
    expect(row).toMatchObject({ stream: 'orders', partition: 'eu', position: '{"offset":3}' });
    expect(BigInt(row.epoch)).toBe(1n);
    // All run on one machine here, so the clocks differ by rounding at most.
    expect(Number(row.updatedAt)).toBeGreaterThanOrEqual(before - 1);
    expect(Number(row.updatedAt)).toBeLessThanOrEqual(Date.now() + 1);
  });

  it('has a migration that leaves nothing for TypeORM to change', async () => {
    const { upQueries } = await database.dataSource.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('keeps tables of different prefixes apart, and takes its own away', async () => {
    const migrations = [...checkpointMigrationsFor('one_'), ...checkpointMigrationsFor('two_')];
    const separate = await open({ migrations });
    try {
      const one = new TypeOrmCheckpointStore(serializeSqlite(separate.dataSource), { tablePrefix: 'one_' });
      const two = new TypeOrmCheckpointStore(separate.dataSource, { tablePrefix: 'two_' });
      await one.open('s', 'p');
      expect(await one.open('s', 'p')).toMatchObject({ epoch: 2n });
      expect(await two.open('s', 'p')).toMatchObject({ epoch: 1n });
      await separate.dataSource.undoLastMigration();
      await expect(two.open('s', 'p')).rejects.toThrow(/two_checkpoint/);
      expect(await one.open('s', 'p')).toMatchObject({ epoch: 3n });
    } finally {
      await separate.close();
    }
  });

  it('opens all in one round trip, or in one short transaction where the database cannot return what it wrote', async () => {
    const counted = serializeSqlite(await database.connect());
    const statements: string[] = [];
    const ignore = (): void => undefined;
    counted.logger = {
      logQuery: (statement) => statements.push(statement.trim().split(/\s/, 1).join()),
      logQueryError: ignore,
      logQuerySlow: ignore,
      logSchemaBuild: ignore,
      logMigration: ignore,
      log: ignore,
    };
    await new TypeOrmCheckpointStore(counted).openAll('counted', ['a', 'b', 'c']);
    expect(statements).toEqual(name === 'mariadb' ? ['START', 'insert', 'select', 'COMMIT'] : ['insert']);
  });

  it.each(['', 'a b', 'x"; drop table y; --', 'Upper_', 'a'.repeat(32)])('refuses the prefix %j', (tablePrefix) => {
    const rule = /^tablePrefix must be lower-case letters, digits and underscores/;
    expect(() => new TypeOrmCheckpointStore(database.dataSource, { tablePrefix })).toThrow(rule);
    expect(() => checkpointMigrationsFor(tablePrefix)).toThrow(rule);
  });
});
