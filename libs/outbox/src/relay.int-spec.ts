import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exponential, fixed } from 'nestjs-turnpike/timing';
import { testDatabases, type TestDatabase } from '../../../test/support/databases.js';
import { startOutboxApp, type OutboxApp } from '../../../test/support/outbox-app.js';
import { outboxMigrations, type OutboxOptions, type Publisher } from './index.js';
import { RecordingPublisher } from './testing/index.js';

describe.each(testDatabases())('Relay on %s', (_name, open) => {
  let database: TestDatabase;
  const apps: OutboxApp[] = [];

  beforeEach(async () => {
    database = await open({ migrations: [...outboxMigrations] });
  });
  afterEach(async () => {
    for (const { app } of apps.splice(0)) await app.close();
    await database.close();
  });

  const start = async (options: OutboxOptions): Promise<OutboxApp> => {
    const app = await startOutboxApp(database.url, options);
    apps.push(app);
    return app;
  };
  const publish = ({ outbox, dataSource }: OutboxApp, key: string | undefined, ...payloads: unknown[]): Promise<void> =>
    dataSource.transaction((tx) => outbox.publish(tx, ...payloads.map((payload) => ({ topic: 't', key, payload }))));
  const left = async (): Promise<number> => {
    const [row] = await database.dataSource.query<{ left_over: string | number }[]>(
      'select (select count(*) from turnpike_outbox_entry) + (select count(*) from turnpike_outbox_parked) as left_over',
    );
    return Number(row?.left_over);
  };
  const drained = async ({ relay }: OutboxApp): Promise<void> => {
    for (let round = 0; (await left()) > 0; round += 1) {
      if (round > 500) throw new Error(`${await left()} entries are left`);
      await relay.pump();
    }
  };

  it('delivers what was published, once, with its key, headers, topic and id, and deletes it', async () => {
    const publisher = new RecordingPublisher();
    const app = await start({ publisher });
    await app.dataSource.transaction((tx) =>
      app.outbox.publish(tx, { topic: 'order.placed', key: 'c1', id: 'one', payload: { a: [1] }, headers: { h: 'v' } }),
    );
    await publisher.arrived(1);
    await drained(app);

    expect(publisher.attempts).toEqual([
      {
        id: 'one',
        topic: 'order.placed',
        namespace: 'default',
        key: 'c1',
        body: Buffer.from('{"a":[1]}'),
        contentType: 'application/json',
        headers: { h: 'v' },
        attempt: 1,
        createdAtMs: expect.any(Number),
      },
    ]);
    expect(publisher.attempts[0]?.payload).toEqual({ a: [1] });
  });

  it('wakes by itself after the commit, long before it would look', async () => {
    const publisher = new RecordingPublisher();
    const app = await start({ publisher, relay: { processIntervalMs: 3_600_000 } });
    await publish(app, 'k', 0);
    await publisher.arrived(1);
    for (let n = 1; n <= 20; n += 1) {
      await publish(app, 'k', n);
      await publisher.arrived(n + 1);
    }
    expect(publisher.attempts).toHaveLength(21);
  });

  it('delivers what was there before it started', async () => {
    const writer = await start({ relay: false });
    await publish(writer, 'k', 1, 2, 3);
    const publisher = new RecordingPublisher();
    await start({ publisher });
    await publisher.arrived(3);
    expect(publisher.payloads()).toEqual([1, 2, 3]);
  });

  it('keeps the order of each key over 40 keys that are published side by side', async () => {
    const publisher = new RecordingPublisher();
    const app = await start({ publisher });
    const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);
    await Promise.all(
      keys.map(async (key) => {
        for (let n = 0; n < 10; n += 1) await publish(app, key, n);
      }),
    );
    await publisher.arrived(400);
    for (const key of keys) expect(publisher.payloads(key)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('holds the later messages of a key while one fails, and lets the other keys go on', async () => {
    let failing = true;
    const publisher = new RecordingPublisher(({ payload }) =>
      failing && payload === 'fails' ? new Error('no') : undefined,
    );
    const app = await start({ publisher, retry: fixed(0, 20) });
    await publish(app, 'held', 'first', 'fails', 'behind 1');
    await publisher.attempted(2);
    await publish(app, 'held', 'behind 2');
    await publish(app, 'free', 'free');
    await publisher.attempted(6);
    expect(publisher.payloads('held')).toEqual(['first']);
    expect(publisher.payloads('free')).toEqual(['free']);
    expect(app.relay.stats().heldKeys).toBe(1);

    failing = false;
    await publisher.arrived(5);
    await publish(app, 'held', 'after');
    await publisher.arrived(6);
    expect(publisher.payloads('held')).toEqual(['first', 'fails', 'behind 1', 'behind 2', 'after']);
    await drained(app);
    expect(app.relay.stats().heldKeys).toBe(0);
  });

  it('counts attempts and backs off by the policy', async () => {
    const publisher = new RecordingPublisher(({ attempt }) => (attempt < 4 ? new Error('no') : undefined));
    const app = await start({ publisher, retry: exponential(0, 10, 1000).withJitter(0) });
    await publish(app, 'k', 'x');
    await publisher.arrived(1);
    expect(publisher.attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
  });

  it('retries a message without a key, and holds nothing for it', async () => {
    let failing = true;
    const publisher = new RecordingPublisher(({ payload }) => (failing && payload === 1 ? new Error('no') : undefined));
    const app = await start({ publisher, retry: fixed(0, 20) });
    await publish(app, undefined, 1, 2, 3);
    await publisher.arrived(2);
    expect(app.relay.stats().heldKeys).toBe(0);
    failing = false;
    await publisher.arrived(3);
    await drained(app);
    expect(publisher.messages.at(-1)?.payload).toBe(1);
  });

  it('drains more than a hundred messages behind a failed one, in order', async () => {
    let failing = true;
    const publisher = new RecordingPublisher(({ payload }) => (failing && payload === 0 ? new Error('no') : undefined));
    const app = await start({ publisher, retry: fixed(0, 20) });
    const payloads = Array.from({ length: 250 }, (_, index) => index);
    await publish(app, 'k', ...payloads);
    await publisher.attempted(3);
    failing = false;
    await publisher.arrived(250);
    expect(publisher.payloads()).toEqual(payloads);
    await drained(app);
  });

  it('keeps holds and order over a restart', async () => {
    const broken = new RecordingPublisher(() => new Error('no'));
    const before = await start({ publisher: broken, retry: fixed(0, 50) });
    await publish(before, 'k', 1, 2, 3);
    await broken.attempted(1);
    await before.app.close();

    const publisher = new RecordingPublisher();
    const after = await start({ publisher, retry: fixed(0, 50) });
    await publish(after, 'k', 4);
    await publisher.arrived(4);
    expect(publisher.payloads('k')).toEqual([1, 2, 3, 4]);
    expect(broken.messages).toEqual([]);
  });

  it('shares the work between two relays: every message is delivered by one of them, in order', async () => {
    const publishers = [new RecordingPublisher(), new RecordingPublisher()] as const;
    const relay = { claimDurationMs: 3000, processIntervalMs: 20 };
    const [one] = [await start({ publisher: publishers[0], relay }), await start({ publisher: publishers[1], relay })];
    const shares = (): number[] => apps.map(({ relay }) => relay.stats().shards);
    const until = Date.now() + 10_000;
    while (shares().join() !== '32,32') {
      if (Date.now() > until) throw new Error(`The shares are ${shares().join()}.`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (let n = 0; n < 200; n += 1) await publish(one, `key-${n % 40}`, n);
    while (publishers[0].messages.length + publishers[1].messages.length < 200) {
      await Promise.race(publishers.map((publisher) => publisher.attempted(publisher.attempts.length + 1)));
    }

    expect(publishers.every(({ messages }) => messages.length > 0)).toBe(true);
    for (let key = 0; key < 40; key += 1) {
      const received = publishers.map((publisher) => publisher.payloads(`key-${key}`));
      expect(received.filter((payloads) => payloads.length > 0)).toEqual([[0, 40, 80, 120, 160].map((n) => n + key)]);
    }
  });

  it('hands over at once when it stops: the next one delivers what comes', async () => {
    const former = new RecordingPublisher();
    const first = await start({ publisher: former, relay: { claimDurationMs: 60_000 } });
    await publish(first, 'k', 1);
    await former.arrived(1);
    await first.app.close();
    const publisher = new RecordingPublisher();
    const second = await start({ publisher, relay: { claimDurationMs: 60_000 } });
    await publish(second, 'k', 2);
    await publisher.arrived(1, AbortSignal.timeout(3000));
    expect(publisher.payloads()).toEqual([2]);
  });

  it.each<[string, Publisher]>([
    ['throws a string', { publish: () => Promise.reject('just text') }],
    [
      'throws at once',
      {
        publish: () => {
          throw new Error('at once');
        },
      },
    ],
    ['never returns', { publish: () => new Promise<never>(() => undefined) }],
  ])('loses nothing to a publisher that %s', async (_what, publisher) => {
    const app = await start({ publisher, retry: fixed(0, 10), relay: { publishTimeoutMs: 20 } });
    await publish(app, 'k', 1);
    const until = Date.now() + 10_000;
    while (app.relay.stats().failed === 0) {
      if (Date.now() > until) throw new Error('no attempt has failed');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await left()).toBe(1);
  });

  it('queues rounds that are asked for side by side', async () => {
    const publisher = new RecordingPublisher();
    const app = await start({ publisher, relay: { processIntervalMs: 3_600_000 } });
    await publish(app, 'k', ...Array.from({ length: 50 }, (_, index) => index));
    await Promise.all([app.relay.pump(), app.relay.pump(), app.relay.pump()]);
    await publisher.arrived(50);
    await drained(app);
    expect(publisher.attempts).toHaveLength(50);
  });

  it('lets others have their turn, however often a round without shards is asked for', async () => {
    const publisher = new RecordingPublisher();
    const first = await start({ publisher: new RecordingPublisher() });
    const app = await start({ publisher, relay: { processIntervalMs: 3_600_000 } });
    await publish(app, 'k', 1);
    await first.app.close();
    while (publisher.messages.length === 0 && publisher.attempts.length === 0 && (await left()) > 0)
      await app.relay.pump();
    expect(await left()).toBe(0);
  });

  it('goes on after a round that the database refused', async () => {
    const publisher = new RecordingPublisher();
    const app = await start({ publisher, relay: { processIntervalMs: 20 } });
    await publish(app, 'k', 1);
    await publisher.arrived(1);
    await database.dataSource.query('alter table turnpike_outbox_parked rename to away');
    await expect(app.relay.pump()).rejects.toThrow(/turnpike_outbox_parked/);
    await database.dataSource.query('alter table away rename to turnpike_outbox_parked');
    await publish(app, 'k', 2);
    await publisher.arrived(2);
    expect(publisher.payloads()).toEqual([1, 2]);
  });
});
