import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dialectOf, execute } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import { testDatabases, type TestDatabase } from '../../../../test/support/databases.js';
import { batchStoreContract } from '../testing/index.js';
import { BatchStatements } from './batch-statements.js';
import { queueMigrations, queueMigrationsFor } from './migrations.js';
import { QueueBatchEntity } from './queue-batch.entity.js';
import { queueTables } from './queue-tables.js';
import { TypeOrmBatchStore } from './typeorm-batch-store.js';

describe.each(testDatabases())('BatchStore on %s', (_name, open) => {
  let database: TestDatabase;
  let second: DataSource;

  beforeAll(async () => {
    const migrations = [...queueMigrations, ...queueMigrationsFor('other_')];
    database = await open({ migrations, entities: [QueueBatchEntity] });
    second = await database.connect();
  });
  afterAll(() => database.close());

  it.each(batchStoreContract)('%s', async (_rule, check) => {
    const queue = randomUUID();
    const stores = [database.dataSource, second].map((dataSource) => new TypeOrmBatchStore({ queue, dataSource }));
    await expect(check(async () => stores as [TypeOrmBatchStore, TypeOrmBatchStore])).resolves.toBeUndefined();
  });

  it('keeps queues apart whose names differ in case or a blank, and tables whose prefixes differ', async () => {
    const batch = { codec: 'json', items: 1, data: Buffer.from('[1]') };
    await new TypeOrmBatchStore({ queue: 'Orders', dataSource: second }).append([batch]);
    for (const queue of ['orders', 'Orders ', 'Órders']) {
      const store = new TypeOrmBatchStore({ queue, dataSource: second });
      expect([queue, await store.claim(1, 1000)]).toEqual([queue, undefined]);
    }
    const prefixed = new TypeOrmBatchStore({ queue: 'Orders', dataSource: second, tablePrefix: 'other_' });
    expect(await prefixed.claim(1, 1000)).toBeUndefined();
  });

  it('writes rows that the entity reads, with the time of the database', async () => {
    const before = Date.now();
    const store = new TypeOrmBatchStore({ queue: 'read', dataSource: second });
    await store.append([{ codec: 'json', items: 2, data: Buffer.from('[1,2]') }]);
    const row = await database.dataSource.getRepository(QueueBatchEntity).findOneByOrFail({ queue: 'read' });
    expect(row).toMatchObject({ codec: 'json', items: 2, token: null });
    expect(Number(row.storedAt)).toBeGreaterThanOrEqual(before - 1);
    expect(Number(row.storedAt)).toBeLessThanOrEqual(Date.now() + 1);
  });

  it('claims by the index, and so walks over nothing that is claimed or cools down', async () => {
    const { dataSource } = database;
    const store = new TypeOrmBatchStore({ queue: 'cooling', dataSource });
    await store.append(Array.from({ length: 5000 }, () => ({ codec: 'json', items: 1, data: Buffer.from('[1]') })));
    await store.claim(5000, 3_600_000);
    const dialect = dialectOf(dataSource);
    const statements = new BatchStatements(dialect, queueTables('turnpike_').batch, 'cooling');
    const claim = { token: randomUUID(), limit: 1, claimMs: 1000 };
    const { text, values } =
      dialect.kind === 'mysql' ? statements.selectAvailable(claim.limit) : statements.claimReturning(claim);
    const explain = dialect.kind === 'sqlite' ? 'explain query plan' : 'explain';
    const plan = JSON.stringify((await execute(dataSource, `${explain} ${text}`, values)).rows);
    const lookup = {
      postgres: /Index Scan using turnpike_queue_batch_available.*Index Cond: .*queue.* AND \(available_at <= /,
      // A ref while entries that were moved are not purged yet and so are counted where they were.
      mysql: /"type":"(range|ref)","possible_keys":"[^"]*","key":"turnpike_queue_batch_available"/,
      sqlite: /USING (COVERING )?INDEX turnpike_queue_batch_available \(queue=\? AND available_at<\?\)/,
    };
    expect(plan).toMatch(lookup[dialect.kind]);
    expect(plan).not.toMatch(/Sort|filesort|TEMP B-TREE/);
  });

  it('leaves nothing of its tables for `synchronize` to change', async () => {
    const { upQueries } = await database.dataSource.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });
});
