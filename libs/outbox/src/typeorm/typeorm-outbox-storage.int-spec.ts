import { serializeSqlite } from 'nestjs-turnpike/dialect';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testDatabases, type TestDatabase } from '../../../../test/support/databases.js';
import { outboxStorageContract } from '../testing/outbox-storage-contract.js';
import { outboxMigrations } from './migrations.js';
import { TypeOrmOutboxOperations } from './operations.js';
import { outboxDb } from './outbox-db.js';
import { outboxTables } from './tables.js';
import { TypeOrmOutboxStorage } from './typeorm-outbox-storage.js';

describe.each(testDatabases())('TypeOrmOutboxStorage on %s', (_name, open) => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await open({ migrations: [...outboxMigrations] });
    serializeSqlite(database.dataSource);
  });
  beforeEach(async () => {
    const { entry, parked, deadLetter, pause, checkpoint } = outboxTables();
    for (const table of [entry, parked, deadLetter, pause, checkpoint])
      await database.dataSource.query(`delete from ${table}`);
  });
  afterAll(() => database.close());

  it.each(outboxStorageContract)('%s', async (_rule, check) => {
    const db = outboxDb(database.dataSource);
    const storage = new TypeOrmOutboxStorage(db);
    const commit: Parameters<typeof check>[0]['commit'] = async (...entries) => {
      const runner = database.dataSource.createQueryRunner();
      await runner.startTransaction();
      await storage.publish(runner, entries);
      await runner.commitTransaction();
      await runner.release();
    };
    const checked = check({ storage, operations: new TypeOrmOutboxOperations(db), commit });
    await expect(checked).resolves.toBeUndefined();
  });
});
