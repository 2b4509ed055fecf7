import { fixed } from 'nestjs-turnpike/timing';
import { describe, expect, it } from 'vitest';
import { testDatabases } from '../../../test/support/databases.js';
import { eventually } from '../../../test/support/eventually.js';
import { outboxSuite } from '../../../test/support/outbox-suite.js';
import { OutboxHealthIndicator, PublisherUnavailableError, type OutboxMessage } from './index.js';
import { RecordingPublisher } from './testing/index.js';

describe.each(testDatabases())('Destinations on %s', (_name, open) => {
  const suite = outboxSuite(open);
  const route = ({ topic }: OutboxMessage): string[] => (topic === 'both' ? ['a', 'b'] : [topic]);

  it('get an entry each, with the same id, and fail by themselves', async () => {
    const a = new RecordingPublisher();
    const b = new RecordingPublisher(({ attempt }) => (attempt === 1 ? new Error('no') : undefined));
    const app = await suite.start({ publishers: { a, b }, route, retry: fixed(0, 20) });
    await suite.publish(app, 'k', [1, 2], { topic: 'both' });
    await suite.publish(app, 'k', [3], { topic: 'a' });
    await Promise.all([a.arrived(3), b.arrived(2)]);
    expect([a.payloads(), b.payloads()]).toEqual([
      [1, 2, 3],
      [1, 2],
    ]);
    expect(a.attempts).toHaveLength(3);
    expect(a.messages.slice(0, 2).map(({ id }) => id)).toEqual(b.messages.map(({ id }) => id));
  });

  it('that are away are paused and probed, with no attempt counted, and slow no other', async () => {
    let away = true;
    const a = new RecordingPublisher();
    const b = new RecordingPublisher(() => (away ? new PublisherUnavailableError('connection lost') : undefined));
    const app = await suite.start({ publishers: { a, b }, route, retry: fixed(1, 5), relay: { batchSize: 20 } });
    const health = app.app.get(OutboxHealthIndicator);
    for (let n = 0; n < 100; n += 1) await suite.publish(app, `key-${n % 7}`, [n], { topic: 'both' });
    await a.arrived(100);
    expect(app.relay.stats().destinations).toMatchObject([
      { name: 'a', state: 'open' },
      { name: 'b', state: 'away', reason: 'connection lost' },
    ]);
    expect(await health.check()).toMatchObject({ outbox: { status: 'down', away: ['b: connection lost'] } });

    away = false;
    await b.arrived(100, AbortSignal.timeout(20_000));
    for (let key = 0; key < 7; key += 1) {
      const sent = Array.from({ length: 100 }, (_, n) => n).filter((n) => n % 7 === key);
      expect(b.payloads(`key-${key}`)).toEqual(sent);
    }
    expect(b.messages.every(({ attempt }) => attempt === 1)).toBe(true);
    await eventually(async () => expect(await health.check()).toMatchObject({ outbox: { status: 'up' } }));
    expect(app.relay.stats().deadLettered).toBe(0);
  });

  it('can be paused and resumed', async () => {
    const [a, b] = [new RecordingPublisher(), new RecordingPublisher()];
    const app = await suite.start({ publishers: { a, b }, route });
    app.relay.pause('a');
    await suite.publish(app, 'k', [1], { topic: 'both' });
    await b.arrived(1);
    await app.relay.pump();
    expect(a.attempts).toEqual([]);
    expect(app.relay.stats().destinations[0]).toMatchObject({ name: 'a', state: 'paused' });
    app.relay.resume('a');
    await a.arrived(1);
    app.relay.pause();
    await suite.publish(app, 'k', [2], { topic: 'both' });
    await app.relay.pump();
    expect([...a.messages, ...b.messages]).toHaveLength(2);
    app.relay.resume();
    await Promise.all([a.arrived(2), b.arrived(2)]);
  });

  it('that this process does not know keep their messages for one that does', async () => {
    const publisher = new RecordingPublisher();
    const old = await suite.start({ publishers: { a: publisher }, retry: fixed(2, 5) });
    const next = await suite.start({ relay: false, route: () => 'new' });
    await suite.publish(next, 'k', [1, 2]);
    await eventually(() => expect(old.relay.stats().failed).toBeGreaterThan(4));
    await old.app.close();
    const arriving = new RecordingPublisher();
    await suite.start({ publishers: { new: arriving } });
    await arriving.arrived(2);
    expect(arriving.payloads()).toEqual([1, 2]);
  });
});
