import { setTimeout as sleep } from 'node:timers/promises';
import { fixed } from 'nestjs-turnpike/timing';
import { describe, expect, it } from 'vitest';
import { testDatabases } from '../../../test/support/databases.js';
import { outboxSuite } from '../../../test/support/outbox-suite.js';
import { currentNamespace, Inbox, withNamespace } from './index.js';
import { InboxPruner } from './inbox-pruner.js';
import { RecordingPublisher } from './testing/index.js';
import { outboxDb } from './typeorm/outbox-db.js';
import { ManualClock } from 'nestjs-turnpike/timing/testing';

describe.each(testDatabases())('Delayed messages on %s', (_name, open) => {
  const suite = outboxSuite(open);

  it('come when they are due, and hold up nobody until then', async () => {
    const publisher = new RecordingPublisher();
    const app = await suite.start({ publisher });
    await suite.publish(app, 'k', ['later'], { delayMs: 400 });
    await suite.publish(app, 'k', ['now']);
    const startMs = performance.now();
    await publisher.arrived(1);
    expect(publisher.payloads()).toEqual(['now']);
    await publisher.arrived(2);
    expect(performance.now() - startMs).toBeGreaterThan(300);
    expect(publisher.payloads()).toEqual(['now', 'later']);
    expect(publisher.messages[1]).toMatchObject({ attempt: 1 });
  });

  it('take their place behind what is held when they are due', async () => {
    let failing = true;
    const publisher = new RecordingPublisher(({ payload }) =>
      failing && payload === 'bad' ? new Error('no') : undefined,
    );
    const app = await suite.start({ publisher, retry: fixed(0, 50) });
    await suite.publish(app, 'k', ['bad']);
    await suite.publish(app, 'k', ['due soon'], { availableAt: new Date(Date.now() + 100) });
    await suite.publish(app, 'k', ['behind']);
    await publisher.attempted(6);
    await sleep(200);
    expect(publisher.messages).toEqual([]);
    failing = false;
    await publisher.arrived(3);
    expect(publisher.payloads()).toEqual(['bad', 'behind', 'due soon']);
  });

  it('survive a restart, and roll back with their transaction', async () => {
    const first = await suite.start({ publisher: new RecordingPublisher() });
    await suite.publish(first, 'k', ['kept'], { delayMs: 300 });
    const rolledBack = first.dataSource.transaction(async (tx) => {
      await first.outbox.publish(tx, { topic: 't', payload: 'gone', delayMs: 1 });
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    await first.app.close();
    expect(await suite.count('turnpike_outbox_parked')).toBe(1);
    const publisher = new RecordingPublisher();
    await suite.start({ publisher });
    await publisher.arrived(1);
    expect(publisher.payloads()).toEqual(['kept']);
  });
});

describe.each(testDatabases())('Namespaces on %s', (_name, open) => {
  const suite = outboxSuite(open);

  it('are those of the nearest withNamespace where the message is published, and have calls of their own', async () => {
    const calls: string[] = [];
    const recording = new RecordingPublisher();
    const app = await suite.start({
      namespace: 'app',
      publisher: {
        publish: (messages, { namespace }) => {
          calls.push(...messages.map((message) => `${namespace} ${message.namespace} ${String(message.payload)}`));
          return recording.publish(messages);
        },
      },
    });
    await suite.publish(app, 'k', [1]);
    await withNamespace('tenant', async () => {
      await suite.publish(app, 'k', [2]);
      expect(currentNamespace()).toBe('tenant');
      await withNamespace('inner', () => suite.publish(app, 'k', [3]));
    });
    expect(currentNamespace()).toBeUndefined();
    await recording.arrived(3);
    expect(calls.toSorted()).toEqual(['app app 1', 'inner inner 3', 'tenant tenant 2']);
    await expect(withNamespace('', () => suite.publish(app, 'k', [4]))).rejects.toThrow(/namespace is empty/);
  });
});

describe.each(testDatabases())('The inbox on %s', (_name, open) => {
  const suite = outboxSuite(open);

  it('forgets what was processed before its retention, many at a time, and nothing newer', async () => {
    const { app, dataSource } = await suite.start({ relay: false });
    const inbox = app.get(Inbox);
    for (let n = 0; n < 30; n += 1) await inbox.process('c', `m${n}`, async () => undefined);
    await dataSource.query(`update turnpike_inbox set processed_at = processed_at - 10000 where message_id <> 'm7'`);
    const pruner = new InboxPruner(outboxDb(dataSource), 5000, new ManualClock(), (error) => {
      throw error;
    });
    expect(await pruner.prune()).toBe(29);
    expect(await inbox.process('c', 'm7', async () => undefined)).toBe(false);
    expect(await inbox.process('c', 'm8', async () => undefined)).toBe(true);
    expect(await pruner.prune()).toBe(0);
  });
});
