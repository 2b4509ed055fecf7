import { execute, serializeSqlite } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabases, type TestDatabase } from '../../../../test/support/databases.js';
import { CheckpointFencedError } from '../checkpoint.errors.js';
import { CheckpointStream } from '../core/checkpoint-stream.js';
import { checkpointMigrations } from './migrations.js';
import { TypeOrmCheckpointStore } from './typeorm-checkpoint-store.js';

describe.each(testDatabases())('a checkpoint stream on %s', (_name, open) => {
  let database: TestDatabase;
  let db: DataSource;

  beforeAll(async () => {
    database = await open({ migrations: [...checkpointMigrations] });
    db = serializeSqlite(database.dataSource);
  });
  afterAll(() => database.close());

  it('is taken over by another process, which fences the owner before', async () => {
    const older = await CheckpointStream.open(new TypeOrmCheckpointStore(db), 'taken over');
    (await older.track(1))();
    await older.commit();
    const elsewhere = new TypeOrmCheckpointStore(serializeSqlite(await database.connect()));
    const newer = await CheckpointStream.open(elsewhere, 'taken over');
    expect(newer.committed).toBe(1);
    (await older.track(2))();
    await expect(older.commit()).rejects.toThrow(CheckpointFencedError);
    (await newer.track(2))();
    expect(await newer.close()).toEqual({ committed: 2, uncommitted: 0 });
  });

  it('commits what was resolved inside a transaction apart from it, also when that is rolled back', async () => {
    const failed: Error[] = [];
    const observer = { commitFailed: (error: Error) => failed.push(error), committed() {}, fenced() {}, closed() {} };
    const store = new TypeOrmCheckpointStore(db);
    const stream = await CheckpointStream.open(store, 'in transaction', { commitEvery: 1 }, observer);
    const resolve = await stream.track(1);
    await db.query('create table handled (position int)');
    const rolledBack = db.transaction(async (tx) => {
      await execute(tx, 'insert into handled values (1)');
      resolve();
      await new Promise((done) => setImmediate(done));
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    expect(await stream.close()).toEqual({ committed: 1, uncommitted: 0 });
    expect(failed).toEqual([]);
    expect((await store.open('in transaction', '')).position).toBe(1);
  });

  it('goes on after the database was away', async () => {
    const connection = await database.connect();
    const stream = await CheckpointStream.open(new TypeOrmCheckpointStore(serializeSqlite(connection)), 'away');
    (await stream.track(1))();
    await connection.destroy();
    await expect(stream.commit()).rejects.toThrow('could not be saved');
    (await stream.track(2))();
    await connection.initialize();
    await stream.commit();
    expect(await stream.close()).toEqual({ committed: 2, uncommitted: 0 });
  });
});
