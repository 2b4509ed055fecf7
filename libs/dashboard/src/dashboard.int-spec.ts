import { BarrierModule, barrierToken, type PersistentBarrier } from 'nestjs-turnpike/barrier';
import { CheckpointModule, Checkpoints } from 'nestjs-turnpike/checkpoint';
import { Outbox, OutboxModule, outboxToken } from 'nestjs-turnpike/outbox';
import { queueToken, type Queue } from 'nestjs-turnpike/queue';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { DashboardSuite, INTERVAL_MS, mails, shown } from '../../../test/support/dashboard-suite.js';
import { testDatabases, type TestDatabase } from '../../../test/support/databases.js';
import type { EventStream } from '../../../test/support/event-stream.js';
import { eventually } from '../../../test/support/eventually.js';
import type { Snapshot } from './core/snapshot.js';

describe.each(testDatabases())('The dashboard on %s', (_name, open) => {
  const suite = new DashboardSuite(open);

  it('shows what every outbox, queue, checkpoint and barrier of the app is doing', async () => {
    const app = await suite.start([
      suite.outbox(),
      OutboxModule.forRoot({ name: 'billing', publisher: suite.service, relay: false }),
      ...mails(),
      CheckpointModule.forRoot(),
      BarrierModule.forRoot(),
      BarrierModule.forFeature({ name: 'imports' }),
    ]);
    await using stream = await suite.follow(app);
    await suite.publish(app, 'a', { n: 1 }, { n: 2 });
    await suite.publish(app, 'b', { n: 3, fate: 'failing' }, { n: 4 });
    const billing = app.get<Outbox>(outboxToken(Outbox, 'billing'));
    await app.get(DataSource).transaction((tx) => billing.publish(tx, { topic: 't', payload: 1 }));
    await app.get<Queue<{ to: string }>>(queueToken('mails'), { strict: false }).push({ to: 'ann' });
    const positions = await app.get(Checkpoints).open('orders', { partition: 'eu' });
    (await positions.track(7))();
    await positions.commit();
    await positions.track(8);
    app.get<PersistentBarrier>(barrierToken('imports'), { strict: false }).stateChanged('k', 1, 'failed');

    const now = await shown(
      stream,
      ({ heldKeys, owners }) => heldKeys?.length === 1 && owners?.[0]?.shards.length === 64,
    );
    expect(now).toMatchObject({ name: 'default', shards: 64, allPausedSinceMs: null, problems: [] });
    expect(now.owners).toEqual([{ processId: now.processId, shards: Array.from({ length: 64 }, (_, n) => n) }]);
    expect(now.totals).toMatchObject({ published: 4, sent: 2 });
    expect(now.destinations).toMatchObject([{ name: 'default', state: 'open', pausedSinceMs: null }]);
    expect(now.heldKeys).toMatchObject([{ key: 'b', destination: 'default', waitsFor: 'retry', lastError: 'not now' }]);
    const heldForMs = Date.now() - (now.heldKeys?.[0]?.sinceMs ?? 0);
    expect(heldForMs).toBeLessThan(30_000);

    expect(await shown(stream, ({ name, backlog }) => name === 'billing' && backlog?.pending === 1)).toMatchObject({
      shards: 4,
      owners: [],
      totals: { published: 1, sent: 0 },
    });
    const rest = await stream.first<Snapshot>(
      (event, { queues, checkpoints }) =>
        event === 'snapshot' && queues[0]?.stats?.items === 0 && checkpoints[0]?.committed === '7',
    );
    expect(rest).toMatchObject({
      queues: [{ name: 'mails', problem: null, stats: { workers: { alive: 1, total: 1 } } }],
      checkpoints: [{ stream: 'orders', partition: 'eu', pending: 1, failures: 0 }],
      barriers: [{ name: 'imports', held: 1 }],
    });
  });

  it('shows a held key before the interval is over, when this process holds it', async () => {
    const intervalMs = 20_000;
    const app = await suite.start([suite.outbox()], { intervalMs });
    await using stream = await suite.follow(app);
    const { atMs } = await stream.first<Snapshot>((event) => event === 'snapshot');
    await suite.publish(app, 'k', { n: 1, fate: 'failing' });
    const { point } = await shown(stream, ({ heldKeys }) => heldKeys?.length === 1);
    expect(Date.now() - atMs).toBeLessThan(intervalMs / 2);
    expect(point.atMs).toBe(atMs); // it is no point in the plots, whose times are the interval's
  });

  it('gives rates, and who comes later what the plots have shown', async () => {
    const app = await suite.start([suite.outbox()]);
    await using stream = await suite.follow(app);
    await shown(stream, ({ point }) => point.delivered === 0);
    await suite.publish(app, 'a', ...Array.from({ length: 50 }, (_, n) => ({ n })));
    const busy = await shown(stream, ({ point }) => (point.delivered ?? 0) > 0);
    expect(busy.point.delivered).toBeGreaterThan(1);
    await using later = await suite.follow(app);
    const { outboxes } = await later.first<{ outboxes: Record<string, { delivered: number }[]> }>(
      (event) => event === 'history',
    );
    expect(outboxes['default']?.map(({ delivered }) => delivered)).toContain(busy.point.delivered);
  });

  it('asks the database nothing while nobody looks, and no more for five pages than for one', async () => {
    const statements: string[] = [];
    const app = await suite.start([suite.outbox(false)], { statements });
    statements.length = 0;
    await sleep(3 * INTERVAL_MS);
    expect(statements).toEqual([]);

    const streams = [await suite.follow(app)];
    const perSnapshot = async (): Promise<number[]> => {
      const [stream] = streams as [EventStream];
      const counts: number[] = [];
      for (let before = statements.length, n = 0; n < 5; n += 1, before = statements.length) {
        const seen = stream.seen.length;
        await eventually(() => expect(stream.seen.length).toBeGreaterThan(seen));
        counts.push(statements.length - before);
      }
      return counts;
    };
    await shown(streams[0]!, ({ backlog }) => backlog !== null);
    expect(Math.max(...(await perSnapshot()))).toBeLessThanOrEqual(4);
    for (let n = 0; n < 4; n += 1) streams.push(await suite.follow(app));
    expect(Math.max(...(await perSnapshot()))).toBeLessThanOrEqual(4);

    for (const stream of streams) await stream[Symbol.asyncDispose]();
    await eventually(() => expect(app.get(DataSource).isInitialized).toBe(true));
    await sleep(2 * INTERVAL_MS);
    statements.length = 0;
    await sleep(3 * INTERVAL_MS);
    expect(statements).toEqual([]);
  });
});

// Readers of a SQLite file do not wait for its writer.
describe.each(testDatabases().filter(([name]) => name !== 'sqlite'))('The dashboard on a locked %s', (_name, open) => {
  const suite = new DashboardSuite(open);

  it('goes on, and says for how long, while the database does not answer', async () => {
    const app = await suite.start([suite.outbox(false)]);
    await using stream = await suite.follow(app);
    await shown(stream, ({ backlog }) => backlog !== null);
    await using lock = await lockEntries(suite.database);
    const old = await shown(stream, ({ unansweredMs }) => unansweredMs > 10 * INTERVAL_MS);
    expect(old.backlog).toMatchObject({ pending: 0 });
    await lock.release();
    await using after = await suite.follow(app);
    await shown(after, ({ unansweredMs }) => unansweredMs < 2 * INTERVAL_MS);
  });
});

/** Nobody reads the entries until it is released. */
async function lockEntries({ name, connect }: TestDatabase) {
  const runner = (await connect()).createQueryRunner();
  if (name === 'mariadb') await runner.query('lock tables turnpike_outbox_entry write');
  else await runner.startTransaction();
  if (name === 'postgres') await runner.query('lock table turnpike_outbox_entry in access exclusive mode');
  let released = false;
  const release = async (): Promise<void> => {
    if (released) return;
    released = true;
    if (name === 'mariadb') await runner.query('unlock tables');
    else await runner.rollbackTransaction();
    await runner.release();
  };
  return { release, [Symbol.asyncDispose]: release };
}
