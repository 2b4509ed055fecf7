import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabases, type TestDatabase } from '../../../test/support/databases.js';
import { dialectOf, execute, whileLocked, type NamedLock } from './index.js';

describe.each(testDatabases())('whileLocked on %s', (_name, open) => {
  let db: TestDatabase;
  let sources: DataSource[];

  beforeAll(async () => {
    db = await open();
    // Two DataSources on one SQLite file in one process block each other's event loop.
    sources = db.name === 'sqlite' ? [db.dataSource] : [db.dataSource, await db.connect()];
    await execute(db.dataSource, 'create table named (name varchar(20) primary key, uses integer not null)');
    await execute(db.dataSource, 'create table counter (name varchar(20) primary key, value integer not null)');
  });
  afterAll(() => db.close());

  const lock = (name: string): NamedLock => {
    return { table: dialectOf(db.dataSource).quote('named'), column: 'name', name, row: { uses: 0 } };
  };
  const valueOf = async (from: Parameters<typeof execute>[0], name: string): Promise<number> => {
    const { rows } = await execute<{ value: number }>(from, `select value from counter where name = '${name}'`);
    return rows[0]?.value ?? 0;
  };

  it('lets one in at a time, from every connection, who sees what the one before wrote; also on first use', async () => {
    await execute(db.dataSource, `insert into counter values ('turns', 0)`);
    let inside = 0;
    const addOne = (index: number): Promise<void> =>
      whileLocked(sources[index % sources.length]!, lock('turns'), async (tx) => {
        expect((inside += 1)).toBe(1);
        const value = await valueOf(tx, 'turns');
        await sleep(1);
        await execute(tx, `update counter set value = ${value + 1} where name = 'turns'`);
        inside -= 1;
      });
    await Promise.all([...Array(24).keys()].map(addOne));
    expect(await valueOf(db.dataSource, 'turns')).toBe(24);
  });

  it('undoes the work that fails, and is free again', async () => {
    const failing = whileLocked(db.dataSource, lock('failing'), async (tx) => {
      await execute(tx, `insert into counter values ('failing', 1)`);
      throw new Error('the work failed');
    });
    await expect(failing).rejects.toThrow('the work failed');
    expect(await whileLocked(db.dataSource, lock('failing'), (tx) => valueOf(tx, 'failing'))).toBe(0);
  });

  it('makes the row once, with what it is given, and leaves it as it is', async () => {
    await whileLocked(db.dataSource, lock('used'), (tx) => execute(tx, 'update named set uses = uses + 1'));
    await whileLocked(db.dataSource, { ...lock('used'), row: { uses: 7 } }, async () => undefined);
    const { rows } = await execute(db.dataSource, `select uses from named where name = 'used'`);
    expect(rows).toEqual([{ uses: 1 }]);
  });
});

describe.each(testDatabases().filter(([name]) => name !== 'sqlite'))('whileLocked on %s', (_name, open) => {
  it('does not wait for another name', async () => {
    const db = await open();
    try {
      await execute(db.dataSource, 'create table named (name varchar(20) primary key)');
      const lock = (name: string): NamedLock => ({ table: 'named', column: 'name', name });
      const inner = whileLocked(db.dataSource, lock('a'), () =>
        whileLocked(db.dataSource, lock('b'), () => whileLocked(db.dataSource, lock('c'), async () => 'in')),
      );
      expect(await inner).toBe('in');
    } finally {
      await db.close();
    }
  });
});
