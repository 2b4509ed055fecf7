import { setImmediate as turn } from 'node:timers/promises';
import { DataSource, type QueryRunner } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqlite, type TestDatabase } from '../../../test/support/databases.js';
import { SqliteDeadlockError, serializeSqlite } from './index.js';

describe('serializeSqlite', () => {
  let database: TestDatabase;
  let db: DataSource;

  beforeEach(async () => {
    database = await openSqlite();
    db = serializeSqlite(database.dataSource);
    await db.query('create table kept (id integer primary key)');
  });
  afterEach(() => database.close());

  const kept = async (): Promise<number[]> =>
    (await db.query<{ id: number }[]>('select id from kept order by id')).map((row) => row.id);
  const committed = (count: number): number[] => [...Array(count).keys()].filter((id) => id % 2 === 0);

  it('keeps exactly the committed rows of 100 overlapping transaction() calls, half of them rolled back', async () => {
    const write = (id: number): Promise<void> =>
      db.transaction(async (tx) => {
        await tx.query('insert into kept values (?)', [id]);
        await turn();
        if (id % 2 === 1) throw new Error('rolled back');
      });
    const results = await Promise.allSettled([...Array(100).keys()].map(write));

    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(50);
    expect(await kept()).toEqual(committed(100));
  });

  it('keeps exactly the committed rows of 100 overlapping QueryRunner transactions, half of them rolled back', async () => {
    const write = async (id: number): Promise<void> => {
      const runner = db.createQueryRunner();
      await runner.startTransaction();
      await runner.query('insert into kept values (?)', [id]);
      await turn();
      await (id % 2 === 1 ? runner.rollbackTransaction() : runner.commitTransaction());
      await runner.release();
    };
    await Promise.all([...Array(100).keys()].map(write));

    expect(await kept()).toEqual(committed(100));
  });

  it('keeps a lone statement out of a transaction that is open beside it', async () => {
    const rolledBack = db.transaction(async (tx) => {
      await tx.query('insert into kept values (1)');
      await turn();
      throw new Error('rolled back');
    });
    const alone = db.query('insert into kept values (2)');
    await Promise.allSettled([rolledBack, alone]);

    expect(await kept()).toEqual([2]);
  });

  it('gives turns in the order of asking', async () => {
    const order: number[] = [];
    await Promise.all([1, 2, 3, 4].map((id) => db.transaction(async () => void order.push(id))));
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it('refuses a statement that would wait for the transaction around it, and says what to do', async () => {
    const nested = db.transaction(async (tx) => {
      await tx.query('insert into kept values (1)');
      await db.query('insert into kept values (2)');
    });
    await expect(nested).rejects.toThrow(SqliteDeadlockError);
    await expect(nested).rejects.toThrow(/own manager/);
    expect(await kept()).toEqual([]);
  });

  it('refuses a second transaction inside one, and through any await in between', async () => {
    const nested = db.transaction(async () => {
      await turn();
      await db.transaction(async () => undefined);
    });
    await expect(nested).rejects.toThrow(SqliteDeadlockError);
  });

  it('refuses it inside a transaction that a QueryRunner began', async () => {
    const runner = db.createQueryRunner();
    await runner.connect();
    await runner.startTransaction();
    await expect(db.query('select 1')).rejects.toThrow(SqliteDeadlockError);
    await runner.rollbackTransaction();
    await expect(db.query('select 1')).resolves.toHaveLength(1);
  });

  it('lets what the caller does beside a transaction wait for it', async () => {
    const transaction = db.transaction(async (tx) => {
      await turn();
      await tx.query('insert into kept values (1)');
    });
    await turn();
    expect(await kept()).toEqual([1]);
    await transaction;
  });

  it('nests savepoints on the runner of the transaction', async () => {
    await db.transaction(async (tx) => {
      await tx.query('insert into kept values (1)');
      const inner = tx.transaction(async (nested) => {
        await nested.query('insert into kept values (2)');
        throw new Error('rolled back');
      });
      await expect(inner).rejects.toThrow('rolled back');
    });
    expect(await kept()).toEqual([1]);
  });

  it('holds the connection for a raw BEGIN until the raw COMMIT', async () => {
    const runner = db.createQueryRunner();
    await runner.query('begin');
    const others = db.query('insert into kept values (2)');
    await runner.query('insert into kept values (1)');
    await runner.query('rollback');
    await others;
    expect(await kept()).toEqual([2]);
  });

  it('rolls a transaction back whose runner was released', async () => {
    const abandon = async (runner: QueryRunner): Promise<void> => {
      await runner.startTransaction();
      await runner.query('insert into kept values (1)');
      await runner.release();
    };
    await abandon(db.createQueryRunner());
    expect(await kept()).toEqual([]);
  });

  it('goes on after a BEGIN that failed', async () => {
    const runner = db.createQueryRunner();
    await expect(runner.startTransaction('REPEATABLE READ')).rejects.toThrow(/isolation level/i);
    expect(await kept()).toEqual([]);
  });

  it('waits for another process without blocking the event loop', async () => {
    const other = await database.connect();
    await other.query('begin immediate');
    let turns = 0;
    const writing = db.query('insert into kept values (1)');
    while (turns < 50) {
      await turn();
      turns += 1;
    }
    await other.query('commit');
    await writing;
    expect(await kept()).toEqual([1]);
  });

  it('gives up on a file that stays busy when the timeout ends', async () => {
    const impatient = serializeSqlite(
      await new DataSource({ type: 'better-sqlite3', database: database.url.slice(7), timeout: 50 }).initialize(),
    );
    const other = await database.connect();
    await other.query('begin immediate');
    await expect(impatient.query('insert into kept values (1)')).rejects.toThrow(/locked/);
    await other.query('rollback');
    await impatient.destroy();
  });

  it('changes nothing when it is applied again', () => {
    const create = db.driver.createQueryRunner;
    serializeSqlite(db);
    expect(db.driver.createQueryRunner).toBe(create);
  });
});
