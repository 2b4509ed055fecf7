import { fork, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { dialectOf, execute, serializeSqlite } from 'nestjs-turnpike/dialect';
import { lessorMigrations } from 'nestjs-turnpike/lessor';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dataSourceOptions, testDatabases, type TestDatabase } from '../support/databases.js';
import { buildScripts } from './lessor-scripts.js';
import type { SweeperProcessOptions } from './lessor-sweeper.js';

const LEFTOVERS = 100_000;
const ROWS_AT_ONCE = 10_000;

describe.each(testDatabases())('Four processes that sweep 100,000 leftovers on %s', (_name, open) => {
  let folder: string;
  let db: TestDatabase;
  let processes: ChildProcess[];

  beforeAll(async () => void (folder = await buildScripts()));
  afterAll(() => rm(folder, { recursive: true, force: true }));

  beforeEach(async () => {
    processes = [];
    db = await open({ migrations: [...lessorMigrations] });
    serializeSqlite(db.dataSource);
    await execute(db.dataSource, 'create table leftover (id char(32) primary key)');
    await execute(db.dataSource, 'create table processed (id char(32) not null, sweeper varchar(20) not null)');
    await execute(db.dataSource, 'create index processed_id on processed (id)');
    await execute(db.dataSource, 'create table finished (sweeper varchar(20), left_to_others integer)');
    for (let from = 0; from < LEFTOVERS; from += ROWS_AT_ONCE) {
      const p = dialectOf(db.dataSource).parameters();
      const ids = Array.from({ length: ROWS_AT_ONCE }, (_, index) => [uuidLike(from + index)]);
      await execute(db.dataSource, `insert into leftover (id) values ${p.rows(ids)}`, p.values);
    }
  });
  afterEach(async () => {
    const exits = [...processes.values()]
      .filter(isRunning)
      .map((child) => (child.kill('SIGKILL'), once(child, 'exit')));
    await Promise.all(exits);
    await db.close();
  });

  function start(name: string, o: Omit<SweeperProcessOptions, 'database' | 'name'>): ChildProcess {
    const options: SweeperProcessOptions = { database: dataSourceOptions(db.url), name, ...o };
    const main = join(folder, 'dist/test/simulation/lessor-sweeper.js');
    const child = fork(main, [JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    processes.push(child);
    return child;
  }

  /** When all have started: or the first ones might have done it all when the last one is there. */
  const ready = (): Promise<unknown> => Promise.all(processes.map((child) => once(child, 'message')));

  const exits = (): Promise<unknown[]> =>
    Promise.all(
      processes.map(async (child) => (isRunning(child) ? ((await once(child, 'exit'))[0] as unknown) : child.exitCode)),
    );

  /** Of one row of numbers. */
  async function counted(columns: string): Promise<Record<string, number>> {
    const { rows } = await execute(db.dataSource, `select ${columns}`);
    return Object.fromEntries(Object.entries(rows[0] ?? {}).map(([name, count]) => [name, Number(count)]));
  }

  it('process each once while all live', async () => {
    for (const [index, beginsAt] of [0, 0, 0.5, 0.5].entries()) {
      start(`s${index + 1}`, { beginsAt, leaseMs: 600_000, stuck: false });
    }
    await ready();
    for (const child of processes) child.send('go');
    expect(await exits()).toEqual([0, 0, 0, 0]);
    expect(
      await counted(`(select count(*) from leftover) as remaining, (select count(*) from processed) as times,
        (select count(distinct id) from processed) as ids`),
    ).toEqual({ remaining: 0, times: LEFTOVERS, ids: LEFTOVERS });
    // They did meet: the guarantee was put to the test.
    expect((await counted('sum(left_to_others) as met from finished'))['met']).toBeGreaterThan(0);
  });

  it('process all when one is killed, and nothing twice but what that one had in hand', async () => {
    const killed = start('killed', { beginsAt: 0, leaseMs: 3000, stuck: true });
    const others = ['s2', 's3', 's4'].map((name) => start(name, { beginsAt: 0.25, leaseMs: 600_000, stuck: false }));
    await ready();
    killed.send('go');
    await once(killed, 'message');
    for (const child of others) child.send('go');
    killed.kill('SIGKILL');
    expect(await exits()).toEqual([null, 0, 0, 0]);
    const found =
      await counted(`(select count(*) from leftover) as remaining, (select count(*) from processed) as times,
      (select count(distinct id) from processed) as ids,
      (select count(*) from processed where sweeper = 'killed') as in_hand,
      (select count(*) from processed a join processed b on b.id = a.id and b.sweeper <> 'killed'
        where a.sweeper = 'killed') as again`);
    const inHand = found['in_hand'] ?? 0;
    expect(inHand).toBeGreaterThan(0);
    expect(found).toEqual({
      remaining: 0,
      times: LEFTOVERS + inHand,
      ids: LEFTOVERS,
      in_hand: inHand,
      again: inHand,
    });
  });
});

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** Spread evenly over the key space, as ids are that are drawn at random. */
function uuidLike(index: number): string {
  return createHash('md5').update(String(index)).digest('hex');
}
