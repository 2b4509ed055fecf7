import { setTimeout } from 'node:timers/promises';
import { execute } from 'nestjs-turnpike/dialect';
import { fixed, SystemClock } from 'nestjs-turnpike/timing';
import type { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { testDatabases } from '../../../../test/support/databases.js';
import { outboxSuite, type OutboxSuite } from '../../../../test/support/outbox-suite.js';
import { OutboxRelay } from '../core/relay.js';
import { StoredMessage } from '../core/stored-message.js';
import { RecordingPublisher } from '../testing/recording-publisher.js';
import { outboxDb } from './outbox-db.js';
import { TypeOrmOutboxStorage } from './typeorm-outbox-storage.js';

const BEHIND = 3000;
const OTHERS = 400;
const BATCH = 250;
const nothing = (): void => undefined;

/** The statements that a DataSource sends from now on. */
function statementsOf(dataSource: DataSource) {
  const sent: { readonly sql: string; readonly values: unknown[] }[] = [];
  dataSource.logger = {
    logQuery: (sql, values) => sent.push({ sql, values: Array.isArray(values) ? [...(values as unknown[])] : [] }),
    logQueryError: nothing,
    logQuerySlow: nothing,
    logSchemaBuild: nothing,
    logMigration: nothing,
    log: nothing,
  };
  const about = (text: string): number => sent.filter(({ sql }) => sql.includes(text)).length;
  return { sent, about };
}

/** A relay of its own shard, whose publisher refuses one key; each round is asked for. */
async function worldOn(suite: OutboxSuite, retryMs = 3_600_000) {
  const { dataSource } = suite.database;
  const storage = new TypeOrmOutboxStorage(outboxDb(dataSource));
  let rows = 0;
  const counting = new Proxy(storage, {
    get:
      (target, name: keyof TypeOrmOutboxStorage) =>
      async (...args: never[]): Promise<unknown> => {
        const answer = await (target[name] as (...all: never[]) => Promise<unknown>).call(target, ...args);
        if (name === 'read' || name === 'parkedOf') rows += (answer as unknown[]).length;
        if (name === 'due') rows += (answer as { due: unknown[] }).due.length;
        return answer;
      },
  });
  const publisher = new RecordingPublisher(({ key }) => (key === 'held' ? new Error('no') : undefined), {
    batchSize: 100,
  });
  const relay = new OutboxRelay({
    storage: counting,
    publishers: new Map([['d', publisher]]),
    retry: fixed(0, retryMs),
    clock: new SystemClock(),
    holds: () => true,
    toMessage: (entry, attempt) => new StoredMessage(entry, attempt),
    afterDeadLetter: 'hold',
    concurrencyLimit: 1,
    pollMs: () => 10_000,
    batchSize: BATCH,
    maxInFlight: 100,
    publishTimeoutMs: 30_000,
    observer: {
      called: nothing,
      settled: nothing,
      failed: nothing,
      deadLettered: nothing,
      outage: nothing,
      foundLate: nothing,
      storageFailed: nothing,
    },
  });
  relay.assign([0]);
  const publish = (count: number, keyOf: (n: number) => string, due?: { inMs: number }): Promise<void> =>
    dataSource.transaction((tx) => {
      const { queryRunner } = tx;
      if (!queryRunner) throw new Error('no transaction');
      const rest = { shard: 0, namespace: 'n', destination: 'd', topic: 't', payload: Buffer.from('{}') };
      const entries = Array.from({ length: count }, (_, n) => ({
        ...rest,
        messageId: `${keyOf(n)}-${n}`,
        key: keyOf(n),
        due,
        contentType: 'application/json',
        headers: {},
      }));
      return storage.publish(queryRunner, entries);
    });
  const through = async (): Promise<void> => {
    do await relay.pump();
    while ((await suite.count('turnpike_outbox_entry')) > 0);
  };
  /** What it takes to bring some messages of other keys through. */
  const others = async () => {
    await publish(OTHERS, (n) => `k${n % 50}`);
    const { about } = statementsOf(dataSource);
    rows = 0;
    await through();
    return { onWhatWaits: about('turnpike_outbox_parked'), rows };
  };
  return { relay, publisher, publish, through, others };
}

// Taken out to see it fail: that what is behind a head has no due time (`due: false` of a lane's moves); and that a statement
// moves many (`IDS_PER_STATEMENT`).
describe.each(testDatabases())('A key that fails for ever on %s', (_name, open) => {
  const suite = outboxSuite(open);

  it('costs the others not one row more, and no more statements on what waits, however many wait behind it', async () => {
    const { relay, publisher, publish, through, others } = await worldOn(suite);
    await through(); // claims its shard
    const before = await others();
    await publish(BEHIND, () => 'held');
    await through();
    expect(await suite.count('turnpike_outbox_parked')).toBe(BEHIND);
    const after = await others();
    expect(after).toEqual(before);
    expect(after.rows).toBe(OTHERS);
    expect(publisher.messages).toHaveLength(2 * OTHERS);
    expect(publisher.attempts.filter(({ key }) => key === 'held')).toHaveLength(1);
    await relay.stop();
  });

  it('is parked as many at a time as are read', async () => {
    const { relay, publish, through } = await worldOn(suite);
    await through();
    await publish(BEHIND, () => 'held');
    const { about } = statementsOf(suite.database.dataSource);
    await through();
    expect(about('insert into turnpike_outbox_parked')).toBeLessThanOrEqual(BEHIND / BATCH + 5);
    await relay.stop();
  });
});

// Taken out to see it fail: the `where` of the index on what is due, and the `select` around the time in `dueEntries`.
describe.each(testDatabases().filter(([name]) => name === 'postgres'))(
  'A key with much behind it on %s',
  (_name, open) => {
    const suite = outboxSuite(open);

    it.each(['never analyzed', 'analyzed'])(
      'is tried again by walks of indexes, on tables that were %s',
      async (state) => {
        const { relay, publish, through } = await worldOn(suite, 1);
        const { dataSource } = suite.database;
        await dataSource.query('alter table turnpike_outbox_parked set (autovacuum_enabled = false)');
        await through();
        await publish(4 * BEHIND, () => 'held');
        await through();
        await publish(4 * BEHIND, (n) => `k${n}`, { inMs: 3_600_000 });
        if (state === 'analyzed') await dataSource.query('vacuum analyze turnpike_outbox_parked');
        const { sent } = statementsOf(dataSource);
        await setTimeout(5); // it is due, by the database's clock too
        await relay.pump();
        await relay.stop();
        const reads = sent.filter(({ sql }) => /^select[\s\S]*turnpike_outbox_parked/.test(sql));
        // Of what is due, when the next one is, what operators ask for, the key's first ones, and what it waits for then.
        expect(reads.length).toBeGreaterThanOrEqual(5);
        for (const { sql, values } of reads) {
          const { rows } = await execute<{ 'QUERY PLAN': string }>(
            dataSource,
            `explain (analyze, buffers) ${sql}`,
            values,
          );
          const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
          const [, hit = 0, read = 0] = /Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?/.exec(plan) ?? [];
          const pages = Number(hit) + Number(read);
          expect({ pages, plan: pages < 100 ? '' : plan }).toEqual({ pages, plan: '' });
        }
      },
    );
  },
);
