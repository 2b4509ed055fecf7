import { queueToken, type Queue } from 'nestjs-turnpike/queue';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { describe, expect, it } from 'vitest';
import { DashboardSuite, mails, SCRIPT, shown } from '../../../test/support/dashboard-suite.js';
import { testDatabases } from '../../../test/support/databases.js';
import { eventually } from '../../../test/support/eventually.js';
import type { DeadItemRow, DeadLetterDetails, DeadLetterRow, Page } from './core/dead-letter-view.js';

describe.each(testDatabases())('Operating by the dashboard on %s', (_name, open) => {
  const suite = new DashboardSuite(open);
  const deadLetters = (app: NestExpressApplication, more = ''): Promise<Page<DeadLetterRow>> =>
    suite.get(app, `outboxes/default/dead-letters${more}`);

  it('lists dead letters in pages, and shows each with its payload as text, its history and headers', async () => {
    const app = await suite.start([suite.outbox()]);
    for (let n = 1; n <= 12; n += 1) await suite.publish(app, `k${n}`, { n, fate: 'refused', text: SCRIPT });
    await eventually(async () => expect((await deadLetters(app, '?before=9223372036854775807')).next).not.toBeNull());
    await eventually(async () => {
      const { next } = await deadLetters(app);
      expect((await deadLetters(app, `?before=${next}`)).rows).toHaveLength(2);
    });
    const { rows, next } = await deadLetters(app);
    const { rows: older, next: none } = await deadLetters(app, `?before=${next}`);
    expect(rows).toHaveLength(10);
    expect(none).toBeNull();
    expect(new Set([...rows, ...older].map(({ key }) => key)).size).toBe(12);
    expect(rows[0]).toMatchObject({
      topic: 'order.placed',
      destination: 'default',
      attempts: 1,
      holds: true,
      requested: null,
    });
    const row = rows[0]!;
    const details = await suite.get<DeadLetterDetails>(app, `outboxes/default/dead-letters/${row.id}`);
    const n = Number(row.key?.slice(1));
    expect(details).toMatchObject({
      ...row,
      contentType: 'application/json',
      headers: { h: '1' },
      history: [{ attempt: 1, error: `no ${SCRIPT}` }],
      payload: { kind: 'json', cut: false, text: JSON.stringify({ n, fate: 'refused', text: SCRIPT }, null, 2) },
    });
    expect(await suite.get(app, 'outboxes/default/dead-letters/1234567890')).toEqual({
      error: 'It is not there (any more).',
    });
  });

  it('has dead letters requeued and purged, one or several, and nothing when the request is malformed', async () => {
    const app = await suite.start([suite.outbox()]);
    for (const n of [1, 2, 3]) await suite.publish(app, `k${n}`, { n, fate: 'refused' }, { n: 10 * n });
    const rows = await eventually(async () => {
      const page = await deadLetters(app);
      expect(page.rows).toHaveLength(3);
      return page.rows;
    });
    const idOf = (key: string): string => rows.find((row) => row.key === key)!.id;
    const path = 'outboxes/default/dead-letters';
    for (const body of ['', '{', '{}', { ids: [] }, { ids: 'all' }, { ids: [1] }, { all: true }, 'x'.repeat(100_000)]) {
      expect(await suite.post(app, `${path}/purge`, body)).toMatchObject({ status: 400 });
    }
    expect(await suite.post(app, `${path}/delete`, { ids: [idOf('k1')] })).toMatchObject({ status: 400 });
    expect(await suite.post(app, 'outboxes/none/dead-letters/purge', { ids: [idOf('k1')] })).toMatchObject({
      status: 404,
    });
    expect((await deadLetters(app)).rows).toHaveLength(3);

    expect(await suite.post(app, `${path}/purge`, { ids: [idOf('k1')] })).toEqual({ status: 200, body: { count: 1 } });
    await eventually(() => expect(suite.service.sent).toEqual([10]));
    suite.service.healed = true;
    expect(await suite.post(app, `${path}/requeue`, { ids: [idOf('k2'), idOf('k3')] })).toEqual({
      status: 200,
      body: { count: 2 },
    });
    await eventually(() => expect(suite.service.sent.toSorted((a, b) => a - b)).toEqual([2, 3, 10, 20, 30]));
    expect(suite.service.sent.indexOf(2)).toBeLessThan(suite.service.sent.indexOf(20));
    expect((await deadLetters(app)).rows).toEqual([]);
  });

  it('has a held key released, and a destination paused and resumed', async () => {
    const app = await suite.start([suite.outbox()]);
    await using stream = await suite.follow(app);
    await suite.publish(app, 'k', { n: 1, fate: 'failing' }, { n: 2 });
    await shown(stream, ({ heldKeys }) => heldKeys?.length === 1);
    const key = { namespace: 'default', destination: 'default', key: 'k' };
    const path = 'outboxes/default';
    expect(await suite.post(app, `${path}/held-keys/release`, { ...key, key: 'other' })).toEqual({
      status: 200,
      body: { count: 0 },
    });
    expect(await suite.post(app, `${path}/held-keys/release`, { key: 'k' })).toMatchObject({ status: 400 });
    expect(await suite.post(app, `${path}/held-keys/release`, key)).toEqual({ status: 200, body: { count: 1 } });
    await eventually(() => expect(suite.service.sent).toEqual([2]));

    expect(await suite.post(app, `${path}/destinations/pause`, {})).toMatchObject({ status: 400 });
    expect(await suite.post(app, `${path}/destinations/pause`, { destination: 'default' })).toMatchObject({
      status: 200,
    });
    await using paused = await suite.follow(app);
    const now = await shown(
      paused,
      ({ destinations }) => destinations[0]?.pausedSinceMs !== null && destinations[0]?.state === 'paused',
    );
    expect(now.allPausedSinceMs).toBeNull();
    await suite.publish(app, 'other', { n: 3 });
    expect(await suite.post(app, `${path}/destinations/resume`, { destination: 'default' })).toEqual({
      status: 200,
      body: { count: 1 },
    });
    await eventually(() => expect(suite.service.sent).toEqual([2, 3]));
    await suite.post(app, `${path}/destinations/pause`, { destination: null });
    await using all = await suite.follow(app);
    await shown(all, ({ allPausedSinceMs }) => allPausedSinceMs !== null);
  });

  it("lists a queue's dead letters, and has them requeued and purged", async () => {
    const app = await suite.start(mails());
    const queue = app.get<Queue<{ to: string }>>(queueToken('mails'), { strict: false });
    for (const to of ['bad 1', 'bad 2']) await queue.push({ to });
    const path = 'queues/mails/dead-letters';
    const list = () => suite.get<Page<DeadItemRow>>(app, path);
    const rows = await eventually(async () => {
      const page = await list();
      expect(page.rows).toHaveLength(2);
      return page.rows;
    });
    expect(rows[0]).toMatchObject({
      error: 'no mail to bad 1',
      payload: { kind: 'json', text: '{\n  "to": "bad 1"\n}', bytes: null },
    });
    expect(await suite.post(app, `${path}/purge`, { ids: [rows[0]?.id] })).toEqual({ status: 200, body: { count: 1 } });
    expect(await suite.post(app, `${path}/requeue`, { ids: [rows[1]?.id] })).toEqual({
      status: 200,
      body: { count: 1 },
    });
    await eventually(async () => {
      const [again] = (await list()).rows; // it failed again, and is another one
      expect(again?.id).not.toBe(rows[1]?.id);
      expect(again?.error).toBe('no mail to bad 2');
    });
  });
});
