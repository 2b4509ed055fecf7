import { describe, expect, it } from 'vitest';
import { testDatabases } from '../../../test/support/databases.js';
import { eventually } from '../../../test/support/eventually.js';
import { outboxSuite } from '../../../test/support/outbox-suite.js';
import { OutboxStatus } from './index.js';
import { RecordingPublisher } from './testing/index.js';

describe.each(testDatabases())('The status of an outbox on %s', (_name, open) => {
  const suite = outboxSuite(open);
  const perOwner = async (status: OutboxStatus): Promise<Record<string, number>> => {
    const owners = await status.owners();
    expect(owners.map(({ shard }) => shard)).toEqual([...new Set(owners.map(({ shard }) => shard))].toSorted(byNumber));
    const counts: Record<string, number> = {};
    for (const { processId } of owners) counts[processId] = (counts[processId] ?? 0) + 1;
    return counts;
  };

  it('says who relays which shards, in every process, and that nobody does when all have stopped', async () => {
    const relay = { claimDurationMs: 1000 };
    const first = await suite.start({ relay });
    const a = first.app.get(OutboxStatus);
    expect([a.name, a.shards]).toEqual([undefined, 64]);
    await eventually(async () => expect(await perOwner(a)).toEqual({ [a.processId]: 64 }));

    const second = await suite.start({ relay });
    const b = second.app.get(OutboxStatus);
    await eventually(async () => expect(await perOwner(a)).toEqual({ [a.processId]: 32, [b.processId]: 32 }));
    expect(await perOwner(b)).toEqual(await perOwner(a));
    const [owner] = await a.owners();
    expect(owner?.endsInMs).toBeLessThanOrEqual(1000);

    await first.app.close();
    await eventually(async () => expect(await perOwner(b)).toEqual({ [b.processId]: 64 }));
    const watching = await suite.start({ relay: false });
    await second.app.close();
    expect(await perOwner(watching.app.get(OutboxStatus))).toEqual({});
  });

  it('counts what this process has committed, and what waits in the shards of all', async () => {
    const app = await suite.start({ relay: false });
    const other = await suite.start({ relay: false });
    const status = app.app.get(OutboxStatus);
    await suite.publish(app, 'k', [1, 2]);
    await suite.publish(app, 'k', [3], { delayMs: 60_000 });
    const { dataSource, outbox } = app;
    const rolledBack = dataSource.transaction(async (tx) => {
      await outbox.publish(tx, { topic: 't', payload: 4 });
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    expect([status.published, other.app.get(OutboxStatus).published]).toEqual([3, 0]);
    expect(await other.app.get(OutboxStatus).backlog()).toMatchObject({ pending: 2, parked: 1, deadLetters: 0 });

    const publisher = new RecordingPublisher();
    await suite.start({ publisher });
    await publisher.arrived(2);
    await eventually(async () => expect(await status.backlog()).toMatchObject({ pending: 0, parked: 1 }));
  });
});

function byNumber(a: number, b: number): number {
  return a - b;
}
