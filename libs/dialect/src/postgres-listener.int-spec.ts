import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { testDatabases, type TestDatabase } from '../../../test/support/databases.js';
import { PostgresListener } from './postgres-listener.js';

const postgres = testDatabases().filter(([name]) => name === 'postgres');

describe.each(postgres)('PostgresListener on %s', (_name, open) => {
  let db: TestDatabase;
  beforeAll(async () => (db = await open()));
  afterAll(() => db.close());

  const notify = (payload: string) => db.dataSource.query('select pg_notify($1, $2)', ['Turn "pike"', payload]);
  const connections = async (): Promise<{ pid: number }[]> =>
    db.dataSource.query(
      `select pid from pg_stat_activity where datname = current_database() and query like 'listen %'`,
    );

  it('hears what is sent, says when it begins to listen, and listens again after its connection broke', async () => {
    const heard: (string | undefined)[] = [];
    const listener = new PostgresListener(db.dataSource, 'Turn "pike"', (payload) => heard.push(payload));
    try {
      await vi.waitFor(() => expect(heard).toEqual([undefined]));
      await notify('one');
      await vi.waitFor(() => expect(heard).toEqual([undefined, 'one']));
      const [connection] = await connections();
      await db.dataSource.query('select pg_terminate_backend($1)', [connection?.pid]);
      await vi.waitFor(() => expect(heard).toEqual([undefined, 'one', undefined]), 5000);
      await notify('two');
      await vi.waitFor(() => expect(heard).toEqual([undefined, 'one', undefined, 'two']));
    } finally {
      await listener.close();
    }
    await vi.waitFor(async () => expect(await connections()).toEqual([]));
  });

  it('can be closed before it is connected', async () => {
    const heard: unknown[] = [];
    await new PostgresListener(db.dataSource, 'c', (payload) => heard.push(payload)).close();
    expect(heard).toEqual([]);
    await vi.waitFor(async () => expect(await connections()).toEqual([]));
  });
});
