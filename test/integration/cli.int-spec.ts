import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NonRetryableError, outboxMigrations } from 'nestjs-turnpike/outbox';
import { RecordingPublisher } from 'nestjs-turnpike/outbox/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cli } from '../support/cli-process.js';
import { testDatabases, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { startOutboxApp, type OutboxApp } from '../support/outbox-app.js';

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
}, 120_000);
afterAll(() => cli.remove());

/** Processes of ours start in about a second where all cores are busy. */
const SLOW = { timeout: 60_000 };

describe.each(testDatabases())('The command line on %s', (name, open) => {
  let database: TestDatabase;
  const apps: OutboxApp[] = [];

  beforeEach(async () => {
    database = await open();
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map(({ app }) => app.close()));
    await database.close();
  });

  const run = (...args: string[]) => cli.run(args, { url: database.url });
  const asJson = async (...args: string[]): Promise<{ code: number | null; result: unknown }> => {
    const { code, stdout, stderr } = await run(...args, '--json');
    expect(stderr).toBe('');
    return { code, result: JSON.parse(stdout) };
  };
  const start = async (publisher: RecordingPublisher): Promise<OutboxApp> => {
    const app = await startOutboxApp(database.url, { publisher });
    apps.push(app);
    return app;
  };
  const migrated = async (): Promise<void> => {
    const dataSource = await database.connect({ migrations: [...outboxMigrations] });
    await dataSource.runMigrations();
  };
  /** Its first message is a dead letter, and holds the other. */
  const holding = async (): Promise<{ app: OutboxApp; publisher: RecordingPublisher; mend: () => void }> => {
    await migrated();
    let broken = true;
    const publisher = new RecordingPublisher(({ payload }) =>
      broken && payload === 'poison' ? new NonRetryableError('never') : undefined,
    );
    const app = await start(publisher);
    await app.dataSource.transaction((tx) =>
      app.outbox.publish(tx, ...['poison', 'behind'].map((payload) => ({ topic: 't', key: 'k', payload }))),
    );
    await publisher.attempted(1);
    await eventually(async () => expect(await asJson('held', 'list')).toMatchObject({ result: [{ headId: '1' }] }));
    return { app, publisher, mend: () => (broken = false) };
  };

  it('ends with the code of what it found, and prints one document', SLOW, async () => {
    const behind = await run('status', '--json');
    expect([behind.code, JSON.parse(behind.stdout)]).toMatchObject([1, { ok: false }]);
    expect((await run('migrate')).stdout).toMatch(/Executed CreateOutboxTables_turnpike_[^]*Ran 3 migrations\./);
    expect(await asJson('status')).toMatchObject({ code: 0, result: { ok: true, shards: 64 } });
    expect(await run('dead-letters', 'purge', '--all')).toMatchObject({ code: 4, stdout: '' });
  });

  it('ends cleanly by Ctrl-C while it waits for relays, of which none runs', SLOW, async () => {
    const { app } = await holding();
    await app.app.close();
    apps.length = 0;
    const waiting = cli.start(['dead-letters', 'requeue', '--all', '--wait', '10m'], { url: database.url });
    await eventually(() => expect(waiting.told()).toMatch(/1 request still to be carried out/), { withinMs: 30_000 });
    waiting.interrupt();
    const { code, stderr } = await waiting.finished;
    expect(code).toBe(130);
    expect(stderr).toMatch(/Interrupted\./);
    expect(stderr).not.toMatch(/ {2}at /);
    const late = await asJson('dead-letters', 'requeue', '--all', '--wait', '1ms');
    expect(late).toEqual({ code: 1, result: { count: 1, outstanding: 1 } });
  });

  it('takes the DataSource that a module exports, and nothing of it but how to connect', SLOW, async () => {
    await migrated();
    const folder = mkdtempSync(join(tmpdir(), 'turnpike-ormconfig-'));
    cpSync(join(import.meta.dirname, '../../package.json'), join(folder, 'package.json')); // ESM
    const typeorm = import.meta.resolve('typeorm');
    const write = (file: string, exported: string): void => {
      const sqlite = { type: 'better-sqlite3', database: database.url.slice('sqlite:'.length) };
      const options = name === 'sqlite' ? sqlite : { type: name, url: database.url };
      writeFileSync(
        join(folder, file),
        `import typeorm from ${JSON.stringify(typeorm)};
         const { DataSource, EntitySchema } = typeorm;
         const shop = new EntitySchema({ name: 'not_ours', columns: { id: { type: 'int', primary: true } } });
         const made = new DataSource({ ...${JSON.stringify(options)}, entities: [shop], synchronize: true, dropSchema: true });
         ${exported}`,
      );
    };
    write('ormconfig.js', 'export default made;');
    write('named.js', 'export const dataSource = Promise.resolve(made);');
    write('only.js', 'export const x = made; export const y = 1;');
    write('several.js', 'export const x = made; export const z = new DataSource(made.options);');
    const shown = (args: string[]) => cli.run(['status', ...args], { cwd: folder });
    for (const args of [[], ['-d', 'named.js'], ['--data-source', 'only.js']]) {
      expect(await shown(args)).toMatchObject({ code: 0, stderr: '' });
    }
    expect(await shown(['-d', 'several.js'])).toMatchObject({ code: 3, stderr: expect.stringContaining('x, z') });
    writeFileSync(join(folder, 'source.ts'), 'enum A { B }\nexport default A;');
    expect((await shown(['-d', 'source.ts'])).stderr).toMatch(/cannot be loaded: [^]*Compile it first/);
    await expect(database.dataSource.query('select * from not_ours')).rejects.toThrow(/not_ours/);
    rmSync(folder, { recursive: true, force: true });
  });
});

describe.each(testDatabases().filter(([name]) => name === 'postgres'))(
  'The command line on %s alone',
  (_name, open) => {
    it('ends by Ctrl-C although a statement waits for a lock', SLOW, async () => {
      const database = await open({ migrations: [...outboxMigrations] });
      const runner = database.dataSource.createQueryRunner();
      await runner.startTransaction();
      await runner.query('lock table turnpike_outbox_pause in access exclusive mode');
      const blocked = cli.start(['pause'], { url: database.url });
      const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like 'insert into turnpike_outbox_pause%'`;
      await eventually(async () => expect(await database.dataSource.query(waiting)).toHaveLength(1), {
        withinMs: 30_000,
      });
      blocked.interrupt();
      expect(await blocked.finished).toMatchObject({ code: 130, stdout: '' });
      await runner.rollbackTransaction();
      await runner.release();
      await database.close();
    });

    it('ends by Ctrl-C while another process migrates, and makes nothing', SLOW, async () => {
      const database = await open();
      const runner = database.dataSource.createQueryRunner();
      await runner.query(`select pg_advisory_lock(hashtext('nestjs-turnpike migrate'))`);
      const migrating = cli.start(['migrate'], { url: database.url });
      const waiting = `select 1 from pg_stat_activity where wait_event = 'advisory' and datname = current_database()`;
      await eventually(async () => expect(await database.dataSource.query(waiting)).toHaveLength(1), {
        withinMs: 30_000,
      });
      migrating.interrupt();
      expect(await migrating.finished).toMatchObject({ code: 130, stdout: '' });
      await runner.query(`select pg_advisory_unlock(hashtext('nestjs-turnpike migrate'))`);
      await runner.release();
      const tables = `select 1 from pg_tables where tablename like 'turnpike%'`;
      expect(await database.dataSource.query(tables)).toEqual([]);
      await database.close();
    });

    it('shows no password when it is wrong', SLOW, async () => {
      const database = await open();
      const url = new URL(database.url);
      url.username = 'nobody_here';
      url.password = 'hunter2';
      const { code, stderr } = await cli.run(['status'], { url: url.href });
      expect([code, stderr.includes('hunter2')]).toEqual([3, false]);
      expect(stderr).toContain('Cannot connect to postgres');
      await database.close();
    });
  },
);
