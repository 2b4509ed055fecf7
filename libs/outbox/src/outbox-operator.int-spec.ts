import { describe, expect, it } from 'vitest';
import { testDatabases } from '../../../test/support/databases.js';
import { eventually } from '../../../test/support/eventually.js';
import { outboxSuite } from '../../../test/support/outbox-suite.js';
import { NonRetryableError, OutboxOperator, OutboxSchemaError } from './index.js';
import { RecordingPublisher } from './testing/index.js';

// The process with the relay does not find anything by looking, where it can be told.
const relay = { processIntervalMs: 3_600_000 };

describe.each(testDatabases())('An operator on %s', (_name, open) => {
  const suite = outboxSuite(open);

  it('sees what is stored, and has the relays of other processes carry out what it asks for', async () => {
    let broken = true;
    const publisher = new RecordingPublisher(() => (broken ? new NonRetryableError('never') : undefined));
    const app = await suite.start({ publisher, relay });
    await suite.publish(app, 'k', ['dead', 'behind']);
    const operator = await OutboxOperator.open(await suite.database.connect());
    await eventually(async () => expect(await operator.heldKeys.list()).toMatchObject([{ key: 'k' }]));
    expect(operator.shards).toBe(64);
    expect(await operator.backlog()).toMatchObject({ pending: 0, parked: 1, deadLetters: 1 });
    expect(new Set((await operator.owners()).map(({ processId }) => processId)).size).toBe(1);

    broken = false;
    expect(await operator.deadLetters.requeue({ key: 'k' })).toBe(1);
    await publisher.arrived(2, AbortSignal.timeout(5000));
    expect(publisher.payloads()).toEqual(['dead', 'behind']);
    await eventually(async () => expect(await operator.outstanding()).toBe(0));
    await operator.close();
  });

  it('counts what is still to be carried out while no relay runs', async () => {
    const app = await suite.start({ publisher: new RecordingPublisher(() => new NonRetryableError('never')) });
    await suite.publish(app, 'k', [1]);
    const operator = await OutboxOperator.open(await suite.database.connect());
    await eventually(async () => expect(await operator.backlog()).toMatchObject({ deadLetters: 1 }));
    await app.app.close();
    expect(await operator.outstanding()).toBe(0);
    await operator.deadLetters.purge({ all: true });
    expect(await operator.outstanding()).toBe(1);
    expect(await operator.owners()).toEqual([]);
    await operator.close();
  });

  it('is told what to do where there are no tables', async () => {
    const refused = OutboxOperator.open(await suite.database.connect(), { tablePrefix: 'other_' });
    await expect(refused).rejects.toThrow(OutboxSchemaError);
  });
});
