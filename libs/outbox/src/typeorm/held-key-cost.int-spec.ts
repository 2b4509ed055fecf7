import { fixed, SystemClock } from 'nestjs-turnpike/timing';
import type { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { testDatabases } from '../../../../test/support/databases.js';
import { outboxSuite } from '../../../../test/support/outbox-suite.js';
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
function statementsOf(dataSource: DataSource): string[] {
  const statements: string[] = [];
  dataSource.logger = {
    logQuery: (statement) => statements.push(statement),
    logQueryError: nothing,
    logQuerySlow: nothing,
    logSchemaBuild: nothing,
    logMigration: nothing,
    log: nothing,
  };
  return statements;
}

// Taken out to see it fail: that what is behind a head has no due time (`due: false` of a lane's moves); and that a statement
// moves many (`IDS_PER_STATEMENT`).
describe.each(testDatabases())('A key that fails for ever on %s', (_name, open) => {
  const suite = outboxSuite(open);

  /** A relay of its own shard, whose publisher refuses one key; each round is asked for. */
  const world = async () => {
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
      retry: fixed(0, 3_600_000),
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
    const publish = (count: number, keyOf: (n: number) => string): Promise<void> =>
      dataSource.transaction((tx) => {
        const { queryRunner } = tx;
        if (!queryRunner) throw new Error('no transaction');
        const rest = { shard: 0, namespace: 'n', destination: 'd', topic: 't', payload: Buffer.from('{}') };
        const entries = Array.from({ length: count }, (_, n) => ({
          ...rest,
          messageId: `${keyOf(n)}-${n}`,
          key: keyOf(n),
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
      const statements = statementsOf(dataSource);
      rows = 0;
      await through();
      return { onWhatWaits: statements.filter((one) => one.includes('turnpike_outbox_parked')).length, rows };
    };
    return { relay, publisher, publish, through, others };
  };

  it('costs the others not one row more, and no more statements on what waits, however many wait behind it', async () => {
    const { relay, publisher, publish, through, others } = await world();
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
    const { relay, publish, through } = await world();
    await through();
    await publish(BEHIND, () => 'held');
    const statements = statementsOf(suite.database.dataSource);
    await through();
    const moves = statements.filter((one) => one.includes('insert into turnpike_outbox_parked'));
    expect(moves.length).toBeLessThanOrEqual(BEHIND / BATCH + 5);
    await relay.stop();
  });
});
