import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SharedTransactions } from './shared-transactions.js';

describe('Writes to a queue file', () => {
  let folder: string;
  let db: Database.Database;
  let other: Database.Database;
  let commits: number;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'turnpike-queue-'));
    const path = join(folder, 'queue.sqlite');
    commits = 0;
    db = new Database(path, { timeout: 0, verbose: (sql) => void (sql === 'COMMIT' && commits++) });
    db.exec('pragma journal_mode = wal; create table item (id integer primary key)');
    other = new Database(path);
  });
  afterEach(() => {
    db.close();
    other.close();
    rmSync(folder, { recursive: true });
  });

  const insert = (id: number) => (): number => {
    db.prepare('insert into item values (?)').run(id);
    return id;
  };
  const stored = (): unknown[] => other.prepare('select id from item').pluck().all();

  it('of one turn share a transaction, in their order, and are answered after its commit', async () => {
    const transactions = new SharedTransactions(db);
    const answers = [1, 2, 3].map((id) => transactions.run(insert(id)).then((answer) => [answer, stored()]));
    expect(await Promise.all(answers)).toEqual([1, 2, 3].map((id) => [id, [1, 2, 3]]));
    expect(commits).toBe(1);
  });

  it('leave the turns between them to others', async () => {
    const transactions = new SharedTransactions(db);
    let turns = 0;
    let writing = true;
    const others = (async () => {
      for (; writing; turns++) await turn();
    })();
    for (let id = 1; id <= 10; id++) await transactions.run(insert(id));
    writing = false;
    await others;
    expect(turns).toBeGreaterThanOrEqual(10);
    expect(commits).toBe(10);
  });

  it('that fail take no other one along', async () => {
    const transactions = new SharedTransactions(db);
    const writes = [1, 2, 2, 3].map((id) => transactions.run(insert(id)));
    const outcomes = await Promise.allSettled(writes);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(stored()).toEqual([1, 2, 3]);
  });

  it('wait while another process writes, without stopping this one', async () => {
    const transactions = new SharedTransactions(db);
    other.exec('begin immediate');
    const write = transactions.run(insert(1));
    for (let count = 0; count < 5; count++) await turn();
    const later = transactions.run(insert(2));
    other.exec('commit');
    expect(await Promise.all([write, later])).toEqual([1, 2]);
    expect(stored()).toEqual([1, 2]);
  });
});
