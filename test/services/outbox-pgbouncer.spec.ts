import { OutboxHealthIndicator, outboxMigrations } from 'nestjs-turnpike/outbox';
import { RecordingPublisher } from 'nestjs-turnpike/outbox/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testDatabases, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { startOutboxApp, type OutboxApp } from '../support/outbox-app.js';
import { startPgBouncer, type Pooler } from '../support/pgbouncer.js';

describe.each(testDatabases().filter(([name]) => name === 'postgres'))(
  'An outbox behind a PgBouncer that pools transactions, before %s',
  (_name, open) => {
    let database: TestDatabase;
    let pooler: Pooler;
    const apps: OutboxApp[] = [];

    const start = async (publisher: RecordingPublisher, relay?: false): Promise<OutboxApp> => {
      const app = await startOutboxApp(pooler.url(database.url), {
        publisher,
        publishLockTimeoutMs: 2000,
        ...(relay === undefined ? {} : { relay }),
      });
      apps.push(app);
      return app;
    };
    const publish = ({ dataSource, outbox }: OutboxApp, key: string, payload: unknown): Promise<void> =>
      dataSource.transaction((tx) => outbox.publish(tx, { topic: 't', key, payload }));

    beforeEach(async () => {
      database = await open({ migrations: [...outboxMigrations] });
      pooler = await startPgBouncer(database.url);
    });
    afterEach(async () => {
      await Promise.all(apps.splice(0).map(({ app }) => app.close()));
      await pooler.close();
      await database.close();
    });

    it('delivers in order what many transactions publish at a time, and leaves no lock behind', async () => {
      const publisher = new RecordingPublisher();
      const app = await start(publisher);
      const keys = Array.from({ length: 10 }, (_, n) => `key-${n}`);
      const publishAll = async (key: string): Promise<void> => {
        for (let n = 0; n < 30; n += 1) await publish(app, key, n);
      };
      await Promise.all(keys.map(publishAll));
      await publisher.arrived(300);
      for (const key of keys) expect(publisher.payloads(key)).toEqual(Array.from({ length: 30 }, (_, n) => n));
      await eventually(async () => {
        expect(await database.dataSource.query('select 1 from turnpike_outbox_entry')).toEqual([]);
        expect(await database.dataSource.query(`select 1 from pg_locks where locktype = 'advisory'`)).toEqual([]);
      });
    });

    it('finds soon what other processes publish, though no notification arrives, and says that it polls', async () => {
      const publisher = new RecordingPublisher();
      const relaying = await start(publisher);
      const publishing = await start(new RecordingPublisher(), false);
      for (let n = 0; n < 5; n += 1) {
        const startMs = performance.now();
        await publish(publishing, `key-${n}`, n);
        await publisher.arrived(n + 1);
        expect(performance.now() - startMs).toBeLessThan(3000); // and not processIntervalMs, 10 s
      }
      const health = relaying.app.get(OutboxHealthIndicator);
      expect(await health.check('outbox')).toMatchObject({ outbox: { wakeUps: 'polling' } });
    });
  },
);
