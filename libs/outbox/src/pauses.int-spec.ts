import { describe, expect, it } from 'vitest';
import { testDatabases } from '../../../test/support/databases.js';
import { eventually } from '../../../test/support/eventually.js';
import { outboxSuite } from '../../../test/support/outbox-suite.js';
import { OutboxPauses, type OutboxMessage } from './index.js';
import { RecordingPublisher } from './testing/index.js';

describe.each(testDatabases())('A pause on %s', (_name, open) => {
  const suite = outboxSuite(open);
  const route = ({ topic }: OutboxMessage): string => topic;
  // So long that where processes can tell each other, nothing in these tests is found by looking.
  const relay = { processIntervalMs: 3_600_000 };

  it('is obeyed by the relay of another process, soon, and so is its end', async () => {
    const [a, b] = [new RecordingPublisher(), new RecordingPublisher()];
    const owner = await suite.start({ publishers: { a, b }, route, relay });
    const elsewhere = await suite.start({ relay: false, route });
    const pauses = elsewhere.app.get(OutboxPauses);
    await eventually(() => expect(owner.relay.stats().shards).toBe(64));
    await pauses.pause('a');
    await eventually(() => expect(owner.relay.stats().destinations[0]?.state).toBe('paused'));
    await suite.publish(elsewhere, 'k', [1], { topic: 'a' });
    await suite.publish(elsewhere, 'k', [1], { topic: 'b' });
    await b.arrived(1);
    expect(a.attempts).toEqual([]);
    expect(await pauses.resume('a')).toBe(true);
    await a.arrived(1, AbortSignal.timeout(3000));
    expect(await pauses.resume('a')).toBe(false);
  });

  it('outlives the processes: one that starts is paused', async () => {
    const first = await suite.start({ publisher: new RecordingPublisher() });
    await first.app.get(OutboxPauses).pause();
    await suite.publish(first, 'k', [1]);
    await first.app.close();
    const publisher = new RecordingPublisher();
    const second = await suite.start({ publisher, relay });
    await eventually(() =>
      expect(second.relay.stats()).toMatchObject({ shards: 64, destinations: [{ state: 'paused' }] }),
    );
    await second.relay.pump();
    expect(publisher.attempts).toEqual([]);
    const pauses = second.app.get(OutboxPauses);
    expect(await pauses.list()).toMatchObject([{ destination: undefined }]);
    expect(Math.abs(((await pauses.list())[0]?.sinceMs ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(await pauses.resume('default')).toBe(false); // not one alone
    expect(await pauses.resume()).toBe(true);
    await publisher.arrived(1, AbortSignal.timeout(3000));
  });
});
