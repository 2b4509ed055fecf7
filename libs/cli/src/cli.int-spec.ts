import { NonRetryableError, outboxMigrations } from 'nestjs-turnpike/outbox';
import { RecordingPublisher } from 'nestjs-turnpike/outbox/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { captured } from '../../../test/support/captured.js';
import { testDatabases, type TestDatabase } from '../../../test/support/databases.js';
import { eventually } from '../../../test/support/eventually.js';
import { startOutboxApp, type OutboxApp } from '../../../test/support/outbox-app.js';
import { run as runHere } from './run.js';

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

  const run = (...args: string[]) => captured(runHere, args, { env: { DATABASE_URL: database.url } });
  const asJson = async (...args: string[]): Promise<{ code: number; result: unknown }> => {
    const { code, stdout, stderr } = await run(...args, '--json');
    expect(stderr).toBe('');
    return { code, result: JSON.parse(stdout) };
  };
  const start = async (publisher: RecordingPublisher): Promise<OutboxApp> => {
    // So long that where processes can tell each other, nothing in these tests is found by looking.
    const app = await startOutboxApp(database.url, { publisher, relay: { processIntervalMs: 3_600_000 } });
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

  it('migrates, and says before and after whether the schema is behind', async () => {
    const before = await asJson('status');
    expect(before).toMatchObject({ code: 1, result: { ok: false, problems: [{ kind: 'schema' }] } });
    const executed = (await asJson('migrate', '--shards', '8')) as { result: { executed: string[] } };
    expect(executed.result.executed).toHaveLength(3);
    expect(await asJson('migrate')).toEqual({ code: 0, result: { executed: [] } });
    expect(await asJson('migrate', 'queue')).toMatchObject({ code: 0, result: { executed: [expect.anything()] } });
    expect(await asJson('status')).toMatchObject({ code: 0, result: { ok: true, shards: 8, relays: [] } });
    // An app that lists the same migrations finds them done.
    const app = await database.connect({ migrations: [...outboxMigrations] });
    expect(await app.runMigrations()).toEqual([]);
  });

  it('prints statements that make the same tables', async () => {
    const { stdout } = await run('sql', name, 'outbox', 'queue', 'barrier');
    const statements = stdout.split(';\n\n').filter(Boolean);
    for (const statement of statements) await database.dataSource.query(statement);
    expect(await asJson('status')).toMatchObject({ code: 0, result: { ok: true, shards: 64 } });
    const publisher = new RecordingPublisher();
    const app = await start(publisher);
    await app.dataSource.transaction((tx) => app.outbox.publish(tx, { topic: 't', payload: 1 }));
    await publisher.arrived(1, AbortSignal.timeout(10_000));
  });

  it('shows what is stored, and ends with 1 when the oldest waits for too long', async () => {
    await migrated();
    const publishing = await startOutboxApp(database.url, { relay: false });
    apps.push(publishing);
    await publishing.dataSource.transaction((tx) => publishing.outbox.publish(tx, { topic: 't', payload: 1 }));
    const fine = await run('status');
    expect(fine.code).toBe(0);
    expect(fine.stdout).toMatch(/to be sent +1\n[^]*No process relays\./);
    const late = await asJson('status', '--max-lag', '0s');
    expect(late).toMatchObject({ code: 1, result: { ok: false, problems: [{ kind: 'lag' }] } });
    expect((await run('status', '--max-lag', '0s')).stderr).toMatch(/Not well: The oldest message/);
    await start(new RecordingPublisher());
    await eventually(async () =>
      expect(await asJson('status', '--max-lag', '0s')).toMatchObject({
        code: 0,
        result: { backlog: { pending: 0 }, relays: [{ shards: 64 }] },
      }),
    );
  });

  it('lists dead letters, requeues them, and waits until they are sent', async () => {
    const { publisher, mend } = await holding();
    const table = await run('dead-letters', 'list', '--payload');
    expect(table.stdout).toMatch(/ID +SINCE +TOPIC[^]*holds its key +never\n1: "poison"/);
    const listed = await asJson('dead-letters', 'list', '--payload', '--key', 'k');
    expect(listed.result).toMatchObject([{ id: '1', topic: 't', attempts: 1, payload: 'poison', holds: true }]);
    expect(await asJson('dead-letters', 'list', '--topic', 'other')).toEqual({ code: 0, result: [] });
    mend();
    const requeued = await asJson('dead-letters', 'requeue', '--id', '1', '--wait', '30s');
    expect(requeued).toEqual({ code: 0, result: { count: 1, outstanding: 0 } });
    await publisher.arrived(2, AbortSignal.timeout(10_000));
    expect(publisher.payloads()).toEqual(['poison', 'behind']);
  });

  it('purges dead letters only when that is confirmed', async () => {
    const { publisher } = await holding();
    const asked = await run('dead-letters', 'purge', '--all');
    expect(asked.code).toBe(4);
    expect(asked.stderr).toContain('--yes');
    expect(await asJson('dead-letters', 'list')).toMatchObject({ result: [{ requested: null }] });
    const purged = await run('dead-letters', 'purge', '--all', '--yes', '--wait', '30s');
    expect([purged.code, purged.stdout]).toEqual([0, 'Purged 1 dead letter.\n']);
    expect(await asJson('dead-letters', 'list')).toEqual({ code: 0, result: [] });
    await publisher.arrived(1, AbortSignal.timeout(10_000));
    expect(publisher.payloads()).toEqual(['behind']);
  });

  it('lists held keys, and lets one go on when that is confirmed', async () => {
    const { publisher } = await holding();
    expect((await run('held', 'list')).stdout).toMatch(/KEY +WAITS FOR[^]*k +dead letter/);
    expect((await run('held', 'release', 'k')).code).toBe(4);
    expect(await asJson('held', 'release', 'other', '--yes')).toEqual({ code: 1, result: { released: false } });
    expect(await asJson('held', 'release', 'k', '-y', '--wait', '30s')).toMatchObject({ code: 0 });
    await publisher.arrived(1, AbortSignal.timeout(10_000));
    expect(publisher.payloads()).toEqual(['behind']);
  });

  it('pauses the relays of running apps, and resumes them', async () => {
    await migrated();
    const publisher = new RecordingPublisher();
    const app = await start(publisher);
    expect((await run('pause')).code).toBe(0);
    await eventually(() => expect(app.relay.stats().destinations[0]?.state).toBe('paused'));
    await app.dataSource.transaction((tx) => app.outbox.publish(tx, { topic: 't', payload: 1 }));
    await app.relay.pump();
    expect(publisher.attempts).toEqual([]);
    expect(await asJson('status')).toMatchObject({ code: 0, result: { pauses: [{ destination: null }] } });
    expect(await asJson('resume', 'default')).toEqual({ code: 1, result: { resumed: false, stillPaused: [null] } });
    expect(await asJson('resume')).toEqual({ code: 0, result: { resumed: true, stillPaused: [] } });
    await publisher.arrived(1, AbortSignal.timeout(10_000));
    expect((await run('resume')).code).toBe(1);
  });
});

describe.each(testDatabases().filter(([name]) => name === 'postgres'))(
  'The command line on %s alone',
  (_name, open) => {
    it('works on a schema that is not first in the search path', async () => {
      const database = await open();
      await database.dataSource.query('create schema messaging');
      const run = (...args: string[]) =>
        captured(runHere, ['--schema', 'messaging', ...args], { env: { DATABASE_URL: database.url } });
      expect((await run('migrate')).code).toBe(0);
      expect((await run('status')).code).toBe(0);
      expect((await captured(runHere, ['status'], { env: { DATABASE_URL: database.url } })).code).toBe(1);
      await database.close();
    });
  },
);

// A SQLite file has a write lock, and one process.
describe.each(testDatabases().filter(([name]) => name !== 'sqlite'))('Two command lines on %s', (name, open) => {
  it('migrates only when no other process does', async () => {
    const database = await open();
    const run = (...args: string[]) => captured(runHere, args, { env: { DATABASE_URL: database.url } });
    const runner = database.dataSource.createQueryRunner();
    const [take, release, waiting] =
      name === 'postgres'
        ? [
            `select pg_advisory_lock(hashtext('nestjs-turnpike migrate'))`,
            `select pg_advisory_unlock(hashtext('nestjs-turnpike migrate'))`,
            `select 1 from pg_stat_activity where wait_event = 'advisory' and datname = current_database()`,
          ]
        : [
            `select get_lock('nestjs-turnpike migrate', 10)`,
            `select release_lock('nestjs-turnpike migrate')`,
            `select 1 from information_schema.processlist where state = 'User lock' and db = database()`,
          ];
    await runner.query(take);
    const migrating = run('migrate');
    await eventually(async () => expect(await database.dataSource.query(waiting)).toHaveLength(1));
    expect((await run('status')).code).toBe(1);
    await runner.query(release);
    await runner.release();
    expect((await migrating).code).toBe(0);
    await database.close();
  });
});
