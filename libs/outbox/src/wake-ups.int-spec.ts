import { describe, expect, it } from 'vitest';
import { testDatabases } from '../../../test/support/databases.js';
import { eventually } from '../../../test/support/eventually.js';
import { outboxSuite } from '../../../test/support/outbox-suite.js';
import { OutboxHealthIndicator, type OutboxOptions } from './index.js';
import { RecordingPublisher } from './testing/index.js';

/** So long that nothing in these tests is found by looking. */
const NEVER = { relay: { processIntervalMs: 3_600_000 } } satisfies OutboxOptions;

describe.each(testDatabases())('Wake-ups on %s', (_name, open) => {
  const suite = outboxSuite(open);

  it('tell the relay of another process what was committed', async () => {
    const publisher = new RecordingPublisher();
    const owner = await suite.start({ publisher, ...NEVER });
    const elsewhere = await suite.start({ relay: false });
    await eventually(() => expect(owner.relay.stats().shards).toBe(64));
    for (let n = 0; n < 20; n += 1) {
      await suite.publish(elsewhere, `key-${n}`, [n]);
      await publisher.arrived(n + 1, AbortSignal.timeout(3000));
    }
    await suite.publish(elsewhere, 'k', ['later'], { delayMs: 50 });
    await publisher.arrived(21, AbortSignal.timeout(3000));
  });
});

// What cannot LISTEN polls instead, whatever the interval.
describe.each(testDatabases().filter(([name]) => name === 'postgres'))('LISTEN on %s', (_name, open) => {
  const suite = outboxSuite(open);

  it('are heard again after the connection was cut, and what was missed is found', async () => {
    const publisher = new RecordingPublisher();
    const owner = await suite.start({ publisher, ...NEVER });
    const health = owner.app.get(OutboxHealthIndicator);
    const shown = (wakeUps: string) => async () => expect(await health.check()).toMatchObject({ outbox: { wakeUps } });
    await eventually(shown('listening'));
    const elsewhere = await suite.start({ relay: false });
    await suite.database.dataSource.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %outbox%' and datname = current_database()`,
    );
    await suite.publish(elsewhere, 'k', [1]);
    await publisher.arrived(1, AbortSignal.timeout(5000));
    await eventually(shown('listening'));
    await suite.publish(elsewhere, 'k', [2]);
    await publisher.arrived(2, AbortSignal.timeout(3000));
  });
});
