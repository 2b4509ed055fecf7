import { setTimeout as sleep } from 'node:timers/promises';
import { fixed } from 'nestjs-turnpike/timing';
import { describe, expect, it } from 'vitest';
import { testDatabases } from '../../../test/support/databases.js';
import { eventually } from '../../../test/support/eventually.js';
import { outboxSuite } from '../../../test/support/outbox-suite.js';
import { PublishLockTimeoutError, type OutboxMessage } from './index.js';
import { ShardMap } from './core/shard-map.js';
import { RecordingPublisher } from './testing/index.js';

const message = (key: string): OutboxMessage => ({ topic: 't', key, payload: key });

// SQLite has one writer at a time: its transactions wait at their beginning, not at their COMMIT.
describe.each(testDatabases().filter(([name]) => name !== 'sqlite'))('Publish locks on %s', (name, open) => {
  const suite = outboxSuite(open);
  const shards = new ShardMap(64);
  const other = Array.from({ length: 100 }, (_, n) => `key-${n}`).find(
    (key) => shards.of('default', key) !== shards.of('default', 'frozen'),
  ) as string;

  /** A transaction that has written its messages and does not COMMIT until it is told to. */
  const freeze = async ({ dataSource, outbox }: Awaited<ReturnType<typeof suite.start>>, key: string) => {
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    await outbox.publish(runner, message(key));
    let thaw = (): void => undefined;
    let written = (): void => undefined;
    const thawed = new Promise<void>((resolve) => (thaw = resolve));
    const frozen = new Promise<void>((resolve) => (written = resolve));
    const query = runner.query.bind(runner);
    runner.query = (async (sql: string, ...rest: []) => {
      if (sql === 'COMMIT') {
        written();
        await thawed;
      }
      return query(sql, ...rest);
    }) as typeof runner.query;
    const committed = runner.commitTransaction();
    await frozen;
    return {
      thaw: async () => {
        thaw();
        await committed;
        await runner.release();
      },
    };
  };

  it("stop the producers of a frozen transaction's shards only, and tell them", async () => {
    const publisher = new RecordingPublisher();
    const app = await suite.start({ publisher, publishLockTimeoutMs: 1000 });
    const frozen = await freeze(app, 'frozen');
    await suite.publish(app, other, ['passes']);
    await publisher.arrived(1);
    const startMs = performance.now();
    const refused = app.dataSource.transaction(async (tx) => {
      if (name === 'postgres') await tx.query("set local lock_timeout = '7s'");
      await app.outbox.publish(tx, message('frozen'));
    });
    await expect(refused).rejects.toThrow(PublishLockTimeoutError);
    expect(performance.now() - startMs).toBeLessThan(6000);
    await frozen.thaw();
    await publisher.arrived(2);
    await suite.publish(app, 'frozen', ['goes on']);
    await publisher.arrived(3);
    expect(publisher.payloads('frozen')).toEqual(['frozen', 'goes on']);
  });

  it('are not waited for by a delayed message that is due: it stays behind, and others go on', async () => {
    const publisher = new RecordingPublisher(({ payload, attempt }) =>
      payload === 'retried' && attempt === 1 ? new Error('no') : undefined,
    );
    const app = await suite.start({ publisher, retry: fixed(0, 50) });
    const frozen = await freeze(app, 'frozen');
    await suite.publish(app, 'frozen', ['delayed'], { delayMs: 20 });
    await suite.publish(app, other, ['before']);
    await publisher.arrived(1);
    await sleep(500);
    await suite.publish(app, other, ['retried']);
    await publisher.arrived(2);
    expect(publisher.payloads()).toEqual(['before', 'retried']);
    await frozen.thaw();
    await publisher.arrived(4);
    expect(publisher.payloads('frozen')).toEqual(['frozen', 'delayed']);
  });

  it('leave the waiting time of the connection as it was', async () => {
    const { dataSource, outbox } = await suite.start({ relay: false, publishLockTimeoutMs: 1234 });
    const runner = dataSource.createQueryRunner();
    const waiting = async (): Promise<unknown> =>
      runner.query(name === 'postgres' ? 'show lock_timeout' : 'select @@innodb_lock_wait_timeout');
    const before = await waiting();
    await runner.startTransaction();
    await outbox.publish(runner, message('k'));
    await runner.commitTransaction();
    expect(await waiting()).toEqual(before);
    await runner.release();
  });

  it('are not waited for by long transactions that only read or write: all messages keep flowing', async () => {
    const publisher = new RecordingPublisher();
    const app = await suite.start({ publisher });
    const [reading, writing] = [app.dataSource.createQueryRunner(), app.dataSource.createQueryRunner()];
    await app.dataSource.query('create table elsewhere (a integer)');
    await reading.startTransaction('REPEATABLE READ');
    await reading.query('select * from turnpike_outbox_entry');
    await writing.startTransaction();
    await writing.query('insert into elsewhere values (1)');
    await app.outbox.publish(writing, message('written late'));
    for (let n = 0; n < 50; n += 1) await suite.publish(app, `key-${n % 5}`, [n]);
    await publisher.arrived(50, AbortSignal.timeout(10_000));
    await writing.commitTransaction();
    await publisher.arrived(51);
    expect(publisher.messages.at(-1)?.payload).toBe('written late');
    await reading.commitTransaction();
    await Promise.all([reading.release(), writing.release()]);
  });
});

// The others have no constraints that wait for the COMMIT.
describe.each(testDatabases().filter(([name]) => name === 'postgres'))('Publish locks on %s', (_name, open) => {
  const suite = outboxSuite(open);

  it('are taken after deferred constraints were checked, which may wait for others', async () => {
    const publisher = new RecordingPublisher();
    const { dataSource, outbox } = await suite.start({ publisher });
    await dataSource.query('create table parent (id int primary key)');
    await dataSource.query('insert into parent values (1)');
    await dataSource.query(
      'create table child (parent int references parent deferrable initially deferred, owner text)',
    );
    const [child, parent] = [dataSource.createQueryRunner(), dataSource.createQueryRunner()];
    await child.startTransaction();
    await child.query('insert into child values (1)');
    await outbox.publish(child, message('k'));
    await parent.startTransaction();
    await parent.query('select * from parent for update');
    await outbox.publish(parent, message('k'));

    const committed = child.commitTransaction(); // its check waits for the row that the other one has locked
    await eventually(async () => {
      const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      expect(await dataSource.query(waiting)).toHaveLength(1);
    });
    await parent.commitTransaction();
    await committed;
    await publisher.arrived(2);
    await Promise.all([child.release(), parent.release()]);
  });
});
