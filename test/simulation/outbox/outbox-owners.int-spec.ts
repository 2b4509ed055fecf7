import { setTimeout as sleep } from 'node:timers/promises';
import { DeadLetters, outboxMigrationsFor, type OutboxMessage } from 'nestjs-turnpike/outbox';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testDatabases, type TestDatabase } from '../../support/databases.js';
import { eventually } from '../../support/eventually.js';
import { startOutboxApp, type OutboxApp } from '../../support/outbox-app.js';
import { Collector } from './collector.js';
import { connectionsTo, Crowd } from './crowd.js';
import { firstArrivals } from './findings.js';
import { buildScripts, type Scripts } from './scripts.js';
import type { RelaySettings, Result } from './wire.js';

const SHARDS = 16;
const CLAIM_MS = 1000;
const SETTINGS: RelaySettings = { claimDurationMs: CLAIM_MS, retry: [0, 5 * CLAIM_MS] };

let scripts: Scripts;
beforeAll(async () => {
  scripts = await buildScripts();
}, 120_000);
afterAll(() => scripts.remove());

describe.each(testDatabases().filter(([name]) => name !== 'sqlite'))('An owner of shards on %s', (_name, open) => {
  let database: TestDatabase;
  let collector: Collector;
  let crowd: Crowd;
  let producer: OutboxApp;

  beforeEach(async () => {
    [database, collector] = await Promise.all([
      open({ migrations: [...outboxMigrationsFor({ shards: SHARDS })] }),
      Collector.listen(),
    ]);
    crowd = new Crowd(scripts, collector, connectionsTo(database.url));
    producer = await startOutboxApp(database.url, { relay: false });
  });
  afterEach(async () => {
    await crowd.close();
    await collector.close();
    await producer.app.close();
    await database.close();
  });

  /** A message of the key that its id begins with. */
  const publish = (id: string, more: Partial<OutboxMessage> = {}): Promise<void> =>
    producer.dataSource.transaction((tx) =>
      producer.outbox.publish(tx, { topic: 't', id, key: id.split('-')[0], payload: id, ...more }),
    );
  const idsIn = async (...tables: string[]): Promise<string[]> => {
    const rows = await database.dataSource.query<{ id: string }[]>(
      tables.map((table) => `select message_id as id from turnpike_${table}`).join(' union all '),
    );
    return rows.map(({ id }) => id).toSorted();
  };
  const stored = (): Promise<string[]> => idsIn('outbox_entry', 'outbox_parked');
  const arrived = (): string[] => collector.arrivals.map(({ id }) => id);
  const everythingIsThrough = (): Promise<void> =>
    eventually(async () => expect(await stored()).toEqual([]), { withinMs: 60_000 });

  // Taken out to see it fail: `heldKeys.restore` in `Shards.claim`.
  it('that is killed leaves its holds, retries, dead letters and delayed messages to the next one, in order', async () => {
    let refusing = true;
    collector.decide = ({ id, attempt }) => {
      if (id === 'dead-0' && refusing) return { kind: 'never', text: 'no' };
      return id === 'retried-0' && attempt === 1 ? { kind: 'retry', text: 'not yet' } : null;
    };
    crowd.relay('first', SETTINGS);
    await crowd.shares({ first: SHARDS });
    for (const id of ['retried-0', 'retried-1', 'dead-0', 'dead-1', 'open-0']) await publish(id);
    await publish('delayed-0', { delayMs: 6 * CLAIM_MS });
    await eventually(async () => {
      expect(await idsIn('outbox_parked')).toEqual(['dead-1', 'delayed-0', 'retried-0', 'retried-1']);
      expect(await idsIn('dead_letter')).toEqual(['dead-0']);
    });
    await crowd.end('first');
    expect(arrived()).toEqual(['open-0']);

    for (const id of ['retried-2', 'dead-2', 'open-1', 'delayed-1']) await publish(id);
    crowd.relay('second', SETTINGS);
    const expected = ['delayed-0', 'delayed-1', 'open-0', 'open-1', 'retried-0', 'retried-1', 'retried-2'];
    await eventually(() => expect(arrived().toSorted()).toEqual(expected), { withinMs: 30_000 });
    await eventually(async () => expect(await stored()).toEqual(['dead-1', 'dead-2']));

    refusing = false;
    await producer.app.get(DeadLetters).requeue({ key: 'dead' });
    await everythingIsThrough();
    expect(Object.fromEntries(firstArrivals(collector.arrivals))).toEqual({
      open: ['open-0', 'open-1'],
      delayed: ['delayed-1', 'delayed-0'],
      retried: ['retried-0', 'retried-1', 'retried-2'],
      dead: ['dead-0', 'dead-1', 'dead-2'],
    });
  });

  // Taken out to see it fail: `p.epoch = c.token` in `settleStatement`, and the comparison in `fenced`.
  it('that was frozen for two terms settles nothing that its successor has, and sends nothing of it', async () => {
    const gates = { before: gate(), after: gate(), successor: gate() };
    let thawed = false;
    collector.decide = (_message, relay) =>
      (relay === 'second' ? gates.successor : thawed ? gates.after : gates.before).passed;
    crowd.relay('first', { ...SETTINGS, batchSize: 1 });
    await crowd.shares({ first: SHARDS });
    const keys = Array.from({ length: 8 }, (_, n) => `k${n}`);
    for (const n of [0, 1, 2]) for (const key of keys) await publish(`${key}-${n}`);
    const all = await stored();
    const begun = (relay: string) => collector.attempts.filter((one) => one.relay === relay).map(({ id }) => id);
    const heads = keys.map((key) => `${key}-0`);
    await eventually(() => expect(begun('first').toSorted()).toEqual(heads));

    crowd.send('first', 'SIGSTOP');
    const frozen = sleep(2 * CLAIM_MS);
    // Of what the first one had in calls, this one takes a single message out of the flow: the others are there to be deleted.
    crowd.relay('second', { ...SETTINGS, batchSize: 1, maxInFlight: 1 });
    await crowd.shares({ second: SHARDS });
    await eventually(() => expect(begun('second')).toHaveLength(1));
    await frozen;
    gates.before.open();
    await eventually(() => expect(arrived().toSorted()).toEqual(heads));
    thawed = true;
    crowd.send('first', 'SIGCONT');
    // It has given up what it had, and so is through with what was in its calls.
    await eventually(() => expect(collector.vitals.get('first')?.shards).not.toBe(SHARDS));
    expect(await stored()).toEqual(all);
    // By now it may have some of the shards again, by a lease of its own.
    expect(begun('first').filter((id) => !heads.includes(id))).toEqual([]);

    gates.after.open();
    gates.successor.open();
    await everythingIsThrough();
    expect(Object.fromEntries(firstArrivals(collector.arrivals))).toEqual(
      Object.fromEntries(keys.map((key) => [key, [0, 1, 2].map((n) => `${key}-${n}`)])),
    );
    expect(arrived().filter((id) => heads.includes(id))).toHaveLength(2 * heads.length);
  });

  // Taken out to see it fail: the attempt that `CarefulStart` stores before it sends.
  it('that a message ends, every time, is succeeded until that one is a dead letter; all others arrive', async () => {
    collector.decide = ({ id }) => (id === 'poison-0' ? 'exit' : null);
    const others = Array.from({ length: 30 }, (_, n) => `k${n % 6}-${n}`);
    await producer.dataSource.transaction((tx) =>
      producer.outbox.publish(
        tx,
        ...[...others.slice(0, 15), 'poison-0', 'poison-1', ...others.slice(15)].map((id) => ({
          topic: 't',
          id,
          key: id.split('-')[0],
          payload: id,
        })),
      ),
    );
    let ended = 0;
    for (let buried = false; !buried && ended < 10;) {
      const name = `relay-${ended + 1}`;
      crowd.relay(name, { ...SETTINGS, retry: [3, 10] });
      let running = true;
      void crowd.ended(name).then(() => (running = false));
      buried = await eventually(
        async () => {
          const dead = await idsIn('dead_letter');
          if (running && dead.length === 0) throw new Error(`${name} is still at it`);
          return dead.length > 0;
        },
        { withinMs: 30_000 },
      );
      if (!buried) ended += 1;
    }
    await eventually(async () => expect(await stored()).toEqual(['poison-1']));
    expect(await idsIn('dead_letter')).toEqual(['poison-0']);
    expect(new Set(arrived())).toEqual(new Set(others));
    // Once before anybody knew, among others; then alone, as often as it has attempts.
    expect(ended).toBe(4);
    const [letter] = await producer.app.get(DeadLetters).list();
    expect(letter).toMatchObject({ id: expect.anything(), attempts: 3 });
  });
});

/** What decides on messages that are to wait. */
function gate() {
  let open = (): void => undefined;
  const passed = new Promise<Result>((resolve) => (open = () => resolve(null)));
  return { passed, open: () => open() };
}
