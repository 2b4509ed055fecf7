import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { SystemClock } from 'nestjs-turnpike/timing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Queue } from '../index.js';
import { type QueueFileProblem } from './queue-file.errors.js';
import { SqliteFileStore } from './sqlite-file-store.js';

describe('A queue file', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'turnpike-queue-'));
    path = join(folder, 'queue.sqlite');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const open = async (file = path, queue = 'orders'): Promise<SqliteFileStore> => {
    const store = new SqliteFileStore({ queue, file: { path: file }, clock: new SystemClock() });
    await store.open('json');
    return store;
  };

  it('that is reopened continues where it was', async () => {
    const batch = { codec: 'json', items: 1, data: Buffer.from('[1]') };
    const first = await open();
    await first.append([batch]);
    await first.close();
    const seen: number[] = [];
    const queue = new Queue<number>(async (items) => void seen.push(...items), { name: 'orders', file: { path } });
    await expect.poll(() => seen).toEqual([1]);
    await queue.close();
  });

  const cases: [string, QueueFileProblem, (path: string) => unknown][] = [
    [
      'no database',
      'notADatabase',
      (file) => writeFileSync(file, 'a text that is long enough to be no database'.repeat(9)),
    ],
    ['a database of something else', 'foreign', (file) => new Database(file).exec('create table mine (id)').close()],
    [
      'from a newer version',
      'newerVersion',
      async (file) => {
        await (await open(file)).close();
        const db = new Database(file);
        db.pragma('user_version = 99');
        db.close();
      },
    ],
    ['of another queue', 'otherQueue', async (file) => (await open(file, 'mails')).close()],
  ];

  it.each(cases)('%s is refused by name and left as it is', async (_what, problem, prepare) => {
    await prepare(path);
    const before = readFileSync(path);
    await expect(open()).rejects.toMatchObject({ code: 'TURNPIKE_QUEUE_FILE', path, problem });
    await expect(open()).rejects.toThrow(path);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('that is a folder is refused by name', async () => {
    mkdirSync(path);
    await expect(open()).rejects.toMatchObject({ problem: 'notWritable', path });
  });

  it('in a folder that does not exist is refused by name', async () => {
    const missing = join(folder, 'missing', 'queue.sqlite');
    await expect(open(missing)).rejects.toMatchObject({ problem: 'notWritable', path: missing });
  });

  it.each([0o644, 0o666])('in a read-only folder is refused by name, with file mode %i', async (mode) => {
    await (await open()).close();
    chmodSync(path, mode);
    chmodSync(folder, 0o555);
    const before = readFileSync(path);
    // No mode stops root, whom the tests may run as.
    const root = process.geteuid?.() === 0;
    if (root) process.seteuid?.(65_534);
    try {
      await expect(open()).rejects.toMatchObject({ problem: 'notWritable', path });
    } finally {
      if (root) process.seteuid?.(0);
    }
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('on a full disk says so, keeps what it has, and goes on when there is room', async () => {
    const store = await open();
    const small = { codec: 'json', items: 1, data: Buffer.from('[1]') };
    await store.append([small]);
    // The same error as on a full disk, without one.
    const { db } = store as unknown as { db: Database.Database };
    const pages = db.pragma('page_count', { simple: true }) as number;
    db.pragma(`max_page_count = ${pages + 5}`);
    const large = { ...small, data: Buffer.alloc(100_000) };
    await expect(store.append([small, large])).rejects.toMatchObject({ problem: 'full', path });
    expect((await store.stats()).batches).toBe(1);
    db.pragma('max_page_count = 100000');
    await store.append([small, large]);
    expect((await store.stats()).batches).toBe(3);
    await store.close();
  });

  it('that cannot be opened at first is tried again: the queue reports it and keeps what is pushed', async () => {
    const errors: string[] = [];
    const seen: number[] = [];
    mkdirSync(path);
    const queue = new Queue<number>(async (items) => void seen.push(...items), {
      name: 'orders',
      file: { path },
      onInternalError: (error) => errors.push(error.message),
    });
    await queue.push(1);
    await expect.poll(() => errors.length).toBeGreaterThan(0);
    expect(errors[0]).toContain(path);
    rmSync(path, { recursive: true });
    await expect.poll(() => seen, { timeout: 5000 }).toEqual([1]);
    await queue.close();
  });

  it.each([true, false])('syncs every commit when durable is %s', async (durable) => {
    const store = new SqliteFileStore({ queue: 'orders', file: { path, durable }, clock: new SystemClock() });
    await store.open('json');
    const { db } = store as unknown as { db: Database.Database };
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    // 1: NORMAL, 2: FULL
    expect(db.pragma('synchronous', { simple: true })).toBe(durable ? 2 : 1);
    await store.close();
  });
});
