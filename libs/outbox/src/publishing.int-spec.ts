import { setImmediate as turn } from 'node:timers/promises';
import type { EntitySubscriberInterface } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testDatabases, type TestDatabase } from '../../../test/support/databases.js';
import { startOutboxApp, type OutboxApp } from '../../../test/support/outbox-app.js';
import { ForeignTransactionError, InvalidMessageError, outboxMigrations, TransactionRequiredError } from './index.js';

describe.each(testDatabases())('Publishing on %s', (_name, open) => {
  let database: TestDatabase;
  let running: OutboxApp;

  beforeEach(async () => {
    database = await open({ migrations: [...outboxMigrations] });
    running = await startOutboxApp(database.url, { relay: false });
    await running.dataSource.query('create table thing (name varchar(20) primary key)');
  });
  afterEach(async () => {
    await running.app.close();
    await database.close();
  });

  /** The topics that are stored, in id order within each shard; all tests use one key, and so one shard. */
  const stored = async (): Promise<string[]> =>
    (await running.dataSource.query<{ topic: string }[]>('select topic from turnpike_outbox_entry order by id')).map(
      ({ topic }) => topic,
    );
  const message = (topic: string) => ({ topic, key: 'k', payload: { topic } });

  it('stores what a committed transaction published, in that order', async () => {
    await running.dataSource.transaction(async (tx) => {
      await running.outbox.publish(tx, message('a'), message('b'));
      await running.outbox.publish(tx, message('c'));
    });
    expect(await stored()).toEqual(['a', 'b', 'c']);
  });

  it('stores nothing before the COMMIT', async () => {
    await running.dataSource.transaction(async (tx) => {
      await running.outbox.publish(tx, message('a'));
      expect(await tx.query('select topic from turnpike_outbox_entry')).toEqual([]);
    });
  });

  it('stores nothing of a transaction that rolled back', async () => {
    const rolledBack = running.dataSource.transaction(async (tx) => {
      await running.outbox.publish(tx, message('a'));
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    expect(await stored()).toEqual([]);
  });

  it('forgets what a rolled-back savepoint published, and nothing else', async () => {
    await running.dataSource.transaction(async (tx) => {
      await running.outbox.publish(tx, message('before'));
      const inner = tx.transaction(async (nested) => {
        await running.outbox.publish(nested, message('inside'));
        await nested.transaction((deeper) => running.outbox.publish(deeper, message('deeper')));
        throw new Error('rolled back');
      });
      await expect(inner).rejects.toThrow('rolled back');
      await tx.transaction((nested) => running.outbox.publish(nested, message('released')));
      await running.outbox.publish(tx, message('after'));
    });
    expect(await stored()).toEqual(['before', 'released', 'after']);
  });

  it("forgets what was published after a savepoint of the user's own that is rolled back to", async () => {
    const runner = running.dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query('SAVEPOINT before_all');
    await running.outbox.publish(runner, message('gone 1'));
    await runner.query('rollback to before_all');
    await running.outbox.publish(runner, message('kept 1'));
    await runner.manager.query('savepoint inner_one');
    await running.outbox.publish(runner, message('gone 2'));
    await runner.manager.query('ROLLBACK TO SAVEPOINT INNER_ONE');
    await running.outbox.publish(runner, message('kept 2'));
    await runner.query('release savepoint inner_one');
    await runner.commitTransaction();
    await runner.release();
    expect(await stored()).toEqual(['kept 1', 'kept 2']);
  });

  it('forgets everything at a raw ROLLBACK', async () => {
    const runner = running.dataSource.createQueryRunner();
    await runner.startTransaction();
    await running.outbox.publish(runner, message('gone'));
    await runner.query('ROLLBACK');
    await runner.commitTransaction().catch(() => undefined); // there is no transaction any more
    await runner.release();
    expect(await stored()).toEqual([]);
  });

  it('works with a QueryRunner, and with one that is used again', async () => {
    const runner = running.dataSource.createQueryRunner();
    for (const topic of ['a', 'b', 'c']) {
      await runner.startTransaction();
      await running.outbox.publish(runner, message(topic));
      await (topic === 'b' ? runner.rollbackTransaction() : runner.commitTransaction());
    }
    await runner.release();
    expect(await stored()).toEqual(['a', 'c']);
  });

  it.each(['a manager of no transaction', 'a runner before its transaction', 'no ambient transaction'])(
    'refuses to publish with %s, and writes nothing',
    async (which) => {
      const runner = running.dataSource.createQueryRunner();
      const attempt =
        which === 'no ambient transaction'
          ? running.outbox.publish(message('a'))
          : running.outbox.publish(which.startsWith('a runner') ? runner : running.dataSource.manager, message('a'));
      await expect(attempt).rejects.toThrow(TransactionRequiredError);
      await runner.release();
      expect(await stored()).toEqual([]);
    },
  );

  it('refuses a transaction of another DataSource: the two could not commit together', async () => {
    const other = await database.connect();
    const publishing = other.transaction((tx) => running.outbox.publish(tx, message('a')));
    await expect(publishing).rejects.toThrow(ForeignTransactionError);
    expect(await stored()).toEqual([]);
  });

  it('refuses what cannot be stored where it is published, and the transaction can go on', async () => {
    await running.dataSource.transaction(async (tx) => {
      const circular: Record<string, unknown> = {};
      circular['self'] = circular;
      await expect(running.outbox.publish(tx, { topic: 'bad', payload: circular })).rejects.toThrow(
        InvalidMessageError,
      );
      await running.outbox.publish(tx, message('good'));
    });
    expect(await stored()).toEqual(['good']);
  });

  it('encodes at once: a later change of the payload changes nothing', async () => {
    await running.dataSource.transaction(async (tx) => {
      const payload = { amount: 1 };
      await running.outbox.publish(tx, { topic: 'a', payload });
      payload.amount = 2;
    });
    const [row] = await running.dataSource.query<{ payload: Buffer }[]>('select payload from turnpike_outbox_entry');
    expect(row?.payload.toString()).toBe('{"amount":1}');
  });

  it('keeps bytes, emoji, quotes and long text as they are', async () => {
    const bytes = Uint8Array.from([0, 255, 39, 92, 34, 10]);
    const text = `'"\\\u0000 \u{1f69a} ${'x'.repeat(70_000)}`;
    await running.dataSource.transaction((tx) =>
      running.outbox.publish(
        tx,
        { topic: 'bytes', key: 'k', payload: bytes },
        { topic: '\u{1f69a}', key: 'k', payload: text, headers: { 'x-note': `'";--` } },
      ),
    );
    const rows = await running.dataSource.query<{ topic: string; payload: Buffer; headers: string }[]>(
      'select topic, payload, headers from turnpike_outbox_entry order by id',
    );
    expect(Uint8Array.from(rows[0]?.payload ?? [])).toEqual(bytes);
    expect(rows[1]?.topic).toBe('\u{1f69a}');
    expect(JSON.parse(String(rows[1]?.payload))).toBe(text);
    expect(JSON.parse(rows[1]?.headers ?? '')).toEqual({ 'x-note': `'";--` });
  });

  it('publishes 3,000 messages in one transaction', async () => {
    const topics = Array.from({ length: 3000 }, (_, index) => `t${index}`);
    await running.dataSource.transaction((tx) => running.outbox.publish(tx, ...topics.map(message)));
    expect(await stored()).toEqual(topics);
  });

  describe('beside subscribers of the app', () => {
    const subscribe = (subscriber: EntitySubscriberInterface): void => {
      running.dataSource.subscribers.push(subscriber);
    };

    it('writes nothing when one rejects right before the COMMIT', async () => {
      subscribe({ beforeTransactionCommit: () => Promise.reject(new Error('vetoed')) });
      const publishing = running.dataSource.transaction((tx) => running.outbox.publish(tx, message('a')));
      await expect(publishing).rejects.toThrow('vetoed');
      await turn();
      running.dataSource.subscribers.length = 0;
      expect(await stored()).toEqual([]);
    });

    it('writes what one publishes late', async () => {
      subscribe({
        beforeTransactionCommit: async ({ manager }) => {
          await turn();
          await running.outbox.publish(manager, message('late'));
        },
      });
      await running.dataSource.transaction((tx) => running.outbox.publish(tx, message('a')));
      expect(await stored()).toEqual(['a', 'late']);
    });

    it('refuses what one publishes after the COMMIT', async () => {
      const refused: unknown[] = [];
      subscribe({
        afterTransactionCommit: ({ manager }) =>
          running.outbox.publish(manager, message('too late')).catch((error: unknown) => refused.push(error)),
      });
      await running.dataSource.transaction((tx) => running.outbox.publish(tx, message('a')));
      running.dataSource.subscribers.length = 0;
      expect(refused).toEqual([expect.any(TransactionRequiredError)]);
      expect(await stored()).toEqual(['a']);
    });
  });

  it('rolls the transaction back when the entries cannot be written', async () => {
    await running.dataSource.query('drop table turnpike_outbox_entry');
    const publishing = running.dataSource.transaction(async (tx) => {
      await tx.query(`insert into thing values ('one')`);
      await running.outbox.publish(tx, message('a'));
    });
    await expect(publishing).rejects.toThrow(/turnpike_outbox_entry/);
    expect(await running.dataSource.query('select * from thing')).toEqual([]);
  });

  it('gives ids in commit order per shard: a reader that goes on from the last id it saw misses nothing', async () => {
    let last = 0n;
    let read = 0;
    const readOn = async (): Promise<void> => {
      const rows = await running.dataSource.query<{ id: string }[]>('select id from turnpike_outbox_entry order by id');
      const fresh = rows.map(({ id }) => BigInt(id)).filter((id) => id > last);
      read += fresh.length;
      last = fresh.at(-1) ?? last;
    };
    const produce = async (producer: number): Promise<void> => {
      for (let n = 0; n < 25; n += 1) {
        await running.dataSource.transaction(async (tx) => {
          await tx.query(`insert into thing values ('${producer}-${n}')`);
          await running.outbox.publish(tx, message('a'));
        });
      }
    };
    let producing = true;
    const reading = (async () => {
      while (producing) await readOn();
      await readOn();
    })();
    await Promise.all([...Array(8).keys()].map(produce)).finally(() => (producing = false));
    await reading;
    expect(read).toBe(200);
  });
});
