import { DataSource, type QueryRunner } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabases, type TestDatabase } from '../../../test/support/databases.js';
import {
  byteWiseText,
  checkServer,
  dialectOf,
  execute,
  serializeSqlite,
  UnsupportedDatabaseError,
  type Dialect,
} from './index.js';

describe.each(testDatabases())('dialect on %s', (_name, open) => {
  let database: TestDatabase;
  let db: DataSource;
  let dialect: Dialect;

  beforeAll(async () => {
    database = await open();
    db = serializeSqlite(database.dataSource);
    dialect = dialectOf(db);
    await db.query('create table item (id bigint primary key, name varchar(20) not null, amount int not null)');
  });
  afterAll(() => database.close());

  const withRunner = async <R>(work: (runner: QueryRunner) => Promise<R>): Promise<R> => {
    const runner = db.createQueryRunner();
    try {
      return await work(runner);
    } finally {
      await runner.release();
    }
  };
  const insert = async (rows: unknown[][], conflict: string): Promise<number> => {
    const p = dialect.parameters();
    const statement = `insert into item (id, name, amount) values ${p.rows(rows)} ${conflict}`;
    return (await execute(db, statement, p.values)).affected;
  };
  const items = async (): Promise<unknown[]> => {
    const { rows } = await execute<{ id: unknown; name: string; amount: number }>(db, 'select * from item order by id');
    return rows.map((row) => [BigInt(row.id as string), row.name, row.amount]);
  };

  it("tells the database's time in whole ms", async () => {
    const before = Date.now();
    const { rows } = await execute<{ now: unknown }>(db, `select ${dialect.nowMs} as now`);
    expect(Number(rows[0]?.now)).toBeGreaterThanOrEqual(before - 1);
    expect(Number(rows[0]?.now)).toBeLessThanOrEqual(Date.now() + 1);
    expect(String(rows[0]?.now)).toMatch(/^\d{13}$/);
  });

  it('upserts, leaves an existing row, and counts what an update changed', async () => {
    await insert(
      [
        [1n, 'one', 1],
        [2n, 'two', 2],
      ],
      dialect.onConflict(['id']),
    );
    await insert(
      [
        [2n, 'other', 5],
        [3n, 'three', 3],
      ],
      dialect.onConflict(['id']),
    );
    await insert([[1n, 'first', 7]], dialect.onConflict(['id'], ['amount']));
    expect(await items()).toEqual([
      [1n, 'one', 7],
      [2n, 'two', 2],
      [3n, 'three', 3],
    ]);

    const p = dialect.parameters();
    const statement = `update item set amount = amount + 1 where ${p.oneOf('id', [1n, 3n], 'bigint')}`;
    expect((await execute(db, statement, p.values)).affected).toBe(2);
  });

  it('finds nothing in an empty list', async () => {
    for (const [column, type] of [
      ['id', 'bigint'],
      ['name', 'text'],
    ] as const) {
      const p = dialect.parameters();
      const { rows } = await execute(db, `select id from item where ${p.oneOf(column, [], type)}`, p.values);
      expect(rows).toEqual([]);
    }
  });

  it('deletes by a list of ids, however long it is', async () => {
    const ids = Array.from({ length: 40_000 }, (_, index) => 1_000_000n + BigInt(index));
    for (const from of [0, 5000])
      await insert(
        ids.slice(from, from + 5000).map((id) => [id, `n${id}`, 1]),
        '',
      );
    const p = dialect.parameters();
    const byId = await execute(db, `delete from item where ${p.oneOf('id', ids.slice(1), 'bigint')}`, p.values);
    expect(byId.affected).toBe(9999);
    const q = dialect.parameters();
    const names = ids.map((id) => `n${id}`);
    const byName = await execute(db, `delete from item where ${q.oneOf('name', names, 'text')}`, q.values);
    expect(byName.affected).toBe(1);
  });

  it('finds exactly the texts of a list', async () => {
    const texts = ['a', 'b"\\', "c'", 'ä\u{1F600}', ' ', ''];
    if (dialect.kind !== 'postgres') texts.push('a\0b'); // Postgres knows no NUL.
    const column = await withRunner((runner) => byteWiseText(runner, 20));
    await db.query(`create table listed (text ${column})`);
    const p = dialect.parameters();
    await execute(
      db,
      `insert into listed (text) values ${p.rows([...texts, 'A', 'ab'].map((text) => [text]))}`,
      p.values,
    );
    for (const text of texts) {
      const q = dialect.parameters();
      const { rows } = await execute(
        db,
        `select text from listed where ${q.oneOf('text', [text, '\u00e9'], 'text')}`,
        q.values,
      );
      expect(rows).toEqual([{ text }]);
    }
  });

  it('keeps 64-bit integers beyond 2^53', async () => {
    const big = [2n ** 62n + 1n, 2n ** 62n + 2n, -(2n ** 63n)] as const;
    await insert(
      big.map((id) => [id, 'big', 1]),
      '',
    );
    const p = dialect.parameters();
    const one = await execute(db, `delete from item where id = ${p.add(big[0])}`, p.values);
    expect(one.affected).toBe(1);
    const q = dialect.parameters();
    const rest = await execute(db, `delete from item where ${q.oneOf('id', [...big], 'bigint')}`, q.values);
    expect(rest.affected).toBe(2);
  });

  it("runs inside a manager's transaction", async () => {
    const rolledBack = db.transaction(async (tx) => {
      await execute(tx, `insert into item (id, name, amount) values (9, 'nine', 9)`);
      const { rows } = await execute(tx, `select id from item where id = 9 ${dialect.forUpdate}`);
      expect(rows).toHaveLength(1);
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    expect((await execute(db, 'select id from item where id = 9')).rows).toEqual([]);
  });

  it('quotes a name that is a keyword or holds a quote', async () => {
    const { rows } = await execute(db, `select 1 as ${dialect.quote('select')}, 2 as ${dialect.quote('a"`b')}`);
    expect(Object.keys(rows[0] ?? {})).toEqual(['select', 'a"`b']);
  });

  it('compares text byte for byte where a column asks for it', async () => {
    const column = await withRunner((runner) => byteWiseText(runner, 20));
    await db.query(`create table word (text ${column} primary key)`);
    await db.query(`insert into word (text) values ('a'), ('A'), ('a '), ('\u00e4')`);
    const { rows } = await execute(db, `select text from word where text = 'a'`);
    expect(rows).toEqual([{ text: 'a' }]);
  });

  it('takes this server', async () => {
    await expect(checkServer(db)).resolves.toBeUndefined();
  });
});

// SQLite has one writer, who meets nobody else's locks.
describe.each(testDatabases().filter(([name]) => name !== 'sqlite'))('dialect on %s', (_name, open) => {
  it('reads past rows that another transaction holds, where it is asked to', async () => {
    const { dataSource, close } = await open();
    try {
      const { forUpdate, forUpdateSkipLocked } = dialectOf(dataSource);
      await dataSource.query('create table task (id integer primary key)');
      await dataSource.query('insert into task values (1), (2), (3)');
      const free = await dataSource.transaction(async (tx) => {
        await execute(tx, `select id from task where id = 2 ${forUpdate}`);
        return dataSource.transaction((other) =>
          execute(other, `select id from task order by id ${forUpdateSkipLocked}`),
        );
      });
      expect(free.rows).toEqual([{ id: 1 }, { id: 3 }]);
    } finally {
      await close();
    }
  });
});

it('refuses a driver that Turnpike has no statements for, by name', () => {
  const oracle = Object.create(DataSource.prototype, { options: { value: { type: 'oracle' } } }) as DataSource;
  expect(() => dialectOf(oracle)).toThrow(UnsupportedDatabaseError);
  expect(() => dialectOf(oracle)).toThrow('the driver "oracle"');
});
