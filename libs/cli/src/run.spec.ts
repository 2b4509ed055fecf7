import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { captured } from '../../../test/support/captured.js';
import { EXIT } from './core/exit-codes.js';
import { run } from './run.js';

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'turnpike-cli-'));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const ran = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => captured(run, args, { env, cwd });

describe('What makes no sense', () => {
  it.each([
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['status', '--nope'], /unknown option '--nope'/],
    [['status', '--max-lag', '5'], /Write it like 250ms/],
    [['dead-letters', 'purge'], /Say which: --id/],
    [['dead-letters', 'requeue', '--all', '--topic', 't'], /leave the other conditions out/],
    [['dead-letters', 'list', '--limit', '0'], /at least 1/],
    [['dead-letters', 'list', '--id', 'x'], /whole number/],
    [['dead-letters', 'list', 'more'], /too many arguments/],
    [['held', 'release'], /missing required argument 'key'/],
    [['sql', 'oracle'], /Allowed choices are postgres, mysql, mariadb, sqlite/],
    [['sql', 'sqlite', 'timing'], /Allowed choices are outbox, queue/],
    [['sql', 'sqlite', '--schema', 'x'], /--schema is for Postgres/],
    [['sql', 'postgres', '--schema', 'x; drop'], /lower-case letters/],
    [['sql', 'sqlite', '--table-prefix', 'No-'], /tablePrefix must be lower-case/],
    [['sql', 'sqlite', '--name', 'a', '--table-prefix', 'b_'], /cannot be used with/],
  ])('%j is refused, and nothing is done', async (args, said) => {
    const { code, stdout, stderr } = await ran(args, { DATABASE_URL: 'sqlite:not-there.sqlite' });
    expect(stderr).toMatch(said);
    expect([code, stdout]).toEqual([EXIT.usage, '']);
  });
});

describe('A database that cannot be reached', () => {
  it.each([
    [{}, /Pass --data-source <file>.*or set DATABASE_URL/],
    [{ DATABASE_URL: 'redis://me:hunter2@h' }, /begins with "redis"/],
    [{ DATABASE_URL: 'hunter2' }, /begins with ""/],
    [{ DATABASE_URL: 'sqlite:' }, /names no file/],
    [{ DATABASE_URL: 'sqlite:not-there.sqlite' }, /Cannot connect to the SQLite file not-there.sqlite/],
    [
      { DATABASE_URL: 'postgres://me:hunter2@127.0.0.1:1/db' },
      /Cannot connect to postgres at 127.0.0.1:1\/db: .*ECONNREFUSED/,
    ],
    [
      { DATABASE_URL: 'mysql://me:hunter2@127.0.0.1:1/db' },
      /Cannot connect to mysql at 127.0.0.1:1\/db: .*ECONNREFUSED/,
    ],
    [{ DATABASE_URL: 'postgres://me:hunter2@nowhere.invalid:99999/db' }, /Cannot connect to postgres/],
  ])('%j ends with 3, says why, and shows no password', async (env, said) => {
    const { code, stdout, stderr } = await ran(['status'], env);
    expect(stderr).toMatch(said);
    expect(stderr).not.toContain('hunter2');
    expect([code, stdout]).toEqual([EXIT.failed, '']);
  });

  it('is told as JSON where that was asked for', async () => {
    const { code, stderr } = await ran(['--json', 'status']);
    expect(code).toBe(EXIT.failed);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'TURNPIKE_CONNECT' } });
  });

  it.each([
    ['none.mjs', 'export const x = 1;', /exports no DataSource/],
    ['broken.mjs', 'throw new Error("no hunter2 here");', /cannot be loaded: no \*\*\* here/],
    ['gone.mjs', undefined, /There is no file gone.mjs/],
  ])('%s is no DataSource', async (file, source, said) => {
    if (source !== undefined) writeFileSync(join(cwd, file), source);
    const env = { DATABASE_URL: 'postgres://me:hunter2@h/db' };
    const { code, stderr } = await ran(['status', '-d', file], env);
    expect(stderr).toMatch(said);
    expect(stderr).not.toContain('hunter2');
    expect(code).toBe(EXIT.failed);
  });
});

describe('A password that a module knows', () => {
  it('is not shown where the driver repeats it', async () => {
    const typeorm = import.meta.resolve('typeorm');
    const options = `{ type: 'postgres', host: '127.0.0.1', port: 1, username: 'u', password: '127.0.0.1' }`;
    const source = `import typeorm from ${JSON.stringify(typeorm)};\nexport default new typeorm.DataSource(${options});`;
    writeFileSync(join(cwd, 'secret.mjs'), source);
    const { code, stderr } = await ran(['status', '-d', 'secret.mjs']);
    expect(stderr).toMatch(/Cannot connect to postgres at .*ECONNREFUSED/);
    expect(stderr).not.toContain('127.0.0.1');
    expect(code).toBe(EXIT.failed);
  });
});

describe('sql', () => {
  it.each(['postgres', 'mysql', 'mariadb', 'sqlite'])(
    'prints the tables for %s without a connection',
    async (database) => {
      const { code, stdout, stderr } = await ran(['sql', database, 'outbox', 'queue', '--shards', '3']);
      expect([code, stderr]).toEqual([EXIT.done, '']);
      expect(stdout).toContain('create table turnpike_outbox_entry (');
      expect(stdout).toContain('turnpike_queue_batch');
      expect(stdout).toContain('values (0, 1, 1), (1, 1, 1), (2, 1, 1);');
      const asJson = await ran(['sql', database, 'outbox', 'queue', '--shards', '3', '--json']);
      const { statements } = JSON.parse(asJson.stdout) as { statements: string[] };
      expect(stdout.split(';\n\n').filter(Boolean)).toEqual(statements);
    },
  );

  it('names each table once, in a schema and with a prefix', async () => {
    const { stdout } = await ran([
      'sql',
      'postgres',
      'outbox',
      'lessor',
      'checkpoint',
      '--schema',
      'app',
      '--name',
      'x',
    ]);
    expect(stdout.match(/create table "?turnpike_x_lease"? /g)).toHaveLength(1);
    expect(stdout).toMatch(/^set search_path to app;\n/);
  });
});

describe('The help', () => {
  it.each([[['--help']], [['dead-letters', 'purge', '--help']], [['--version']]])('%j is a result', async (args) => {
    const { code, stdout, stderr } = await ran(args);
    expect([code, stderr]).toEqual([EXIT.done, '']);
    expect(stdout).not.toBe('');
  });

  it('without a command is told as an error', async () => {
    expect(await ran([])).toMatchObject({ code: EXIT.usage, stdout: '', stderr: expect.stringContaining('Commands:') });
    expect(await ran(['held'])).toMatchObject({ code: EXIT.usage, stderr: expect.stringContaining('release') });
  });
});
