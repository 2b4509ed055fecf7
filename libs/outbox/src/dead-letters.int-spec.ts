import { fixed } from 'nestjs-turnpike/timing';
import { describe, expect, it } from 'vitest';
import { testDatabases } from '../../../test/support/databases.js';
import { eventually } from '../../../test/support/eventually.js';
import { outboxSuite } from '../../../test/support/outbox-suite.js';
import { DeadLetters, HeldKeyList, NonRetryableError, type OrderKey } from './index.js';
import { RecordingPublisher } from './testing/index.js';

const KEY: OrderKey = { namespace: 'default', destination: 'default', key: 'k' };

describe.each(testDatabases())('Dead letters on %s', (_name, open) => {
  const suite = outboxSuite(open);
  let refused: unknown[] = [];
  const publisher = () =>
    new RecordingPublisher(({ payload }) =>
      refused.includes(payload) ? new Error(`no ${String(payload)}`) : undefined,
    );

  it('keep what has used up its attempts, with its history; its key waits for it, and others go on', async () => {
    refused = ['bad'];
    const recording = publisher();
    const { app, relay, ...rest } = await suite.start({ publisher: recording, retry: fixed(3, 5) });
    await suite.publish({ app, relay, ...rest }, 'k', ['good', 'bad', 'behind']);
    const letters = app.get(DeadLetters);
    const [letter] = await eventually(async () => {
      const list = await letters.list();
      expect(list).toHaveLength(1);
      return list;
    });
    if (!letter) throw new Error('no letter');
    expect(letter).toMatchObject({ topic: 't', key: 'k', attempts: 3, holds: true, requested: null });
    expect(letter.history.map(({ attempt, error }) => [attempt, error])).toEqual([
      [1, 'no bad'],
      [2, 'no bad'],
      [3, 'no bad'],
    ]);
    expect(letters.payloadOf(letter)).toBe('bad');
    expect(await letters.get(letter.id)).toEqual(letter);

    await suite.publish({ app, relay, ...rest }, 'other', ['other']);
    await recording.arrived(2);
    expect(recording.payloads()).toEqual(['good', 'other']);
    expect(relay.stats()).toMatchObject({ heldKeys: 1, deadLettered: 1 });
    expect(await app.get(HeldKeyList).list()).toMatchObject([
      { ...KEY, headId: letter.id, waitsFor: 'dead letter', lastError: 'no bad' },
    ]);
  });

  it('are sent again before what waits behind them, when another process asks for it', async () => {
    refused = ['bad'];
    const recording = publisher();
    const owner = await suite.start({ publisher: recording, retry: fixed(1, 5) });
    await suite.publish(owner, 'k', ['bad', 'behind 1', 'behind 2']);
    const elsewhere = await suite.start({ relay: false });
    const letters = elsewhere.app.get(DeadLetters);
    await eventually(async () => expect(await letters.list()).toHaveLength(1));
    await suite.publish(elsewhere, 'k', ['behind 3']);

    refused = [];
    expect(await letters.requeue({ key: 'k' })).toBe(1);
    await recording.arrived(4);
    expect(recording.payloads('k')).toEqual(['bad', 'behind 1', 'behind 2', 'behind 3']);
    expect(recording.messages[0]).toMatchObject({ attempt: 1 });
    expect(recording.messages[0]?.id).toBe(recording.attempts[0]?.id);
    await eventually(() => expect(owner.relay.stats().heldKeys).toBe(0));
    expect(await letters.list()).toEqual([]);
  });

  it('are gone when they are purged, and what waits behind them goes on', async () => {
    refused = ['bad 1', 'bad 2'];
    const recording = publisher();
    const owner = await suite.start({ publisher: recording, retry: fixed(1, 5) });
    await suite.publish(owner, 'k', ['bad 1', 'bad 2', 'good']);
    const letters = owner.app.get(DeadLetters);
    await eventually(async () => expect(await letters.list()).toHaveLength(1));
    expect(await letters.purge({ topic: 't' })).toBe(1);
    await eventually(async () =>
      expect(await letters.list()).toMatchObject([{ messageId: recording.attempts[1]?.id }]),
    );
    expect(await letters.purge({ all: true })).toBe(1);
    await recording.arrived(1);
    expect(recording.payloads()).toEqual(['good']);
    expect(await letters.purge({ topic: 'none' })).toBe(0);
    await expect(letters.purge({})).rejects.toMatchObject({ code: 'TURNPIKE_EMPTY_FILTER' });
  });

  it('hold nothing with deadLetter.key = continue, and can still be requeued', async () => {
    refused = ['bad'];
    const recording = publisher();
    const owner = await suite.start({ publisher: recording, retry: fixed(2, 5), deadLetter: { key: 'continue' } });
    await suite.publish(owner, 'k', ['good 1', 'bad', 'good 2', 'good 3']);
    await recording.arrived(3);
    expect(recording.payloads()).toEqual(['good 1', 'good 2', 'good 3']);
    const letters = owner.app.get(DeadLetters);
    await eventually(() => expect(owner.relay.stats().heldKeys).toBe(0));
    expect(await letters.list()).toMatchObject([{ holds: false }]);
    refused = [];
    await letters.requeue({ all: true });
    await recording.arrived(4);
    await suite.publish(owner, 'k', ['good 4']);
    await recording.arrived(5);
    expect(recording.payloads().slice(3)).toEqual(['bad', 'good 4']);
  });

  it('get what the publisher will never take at once', async () => {
    const recording = new RecordingPublisher(({ payload }) =>
      payload === 'never' ? new NonRetryableError('too large') : undefined,
    );
    const owner = await suite.start({ publisher: recording });
    await suite.publish(owner, undefined, ['never', 'fine']);
    await recording.arrived(1);
    const [letter] = await eventually(async () => {
      const list = await owner.app.get(DeadLetters).list();
      expect(list).toHaveLength(1);
      return list;
    });
    expect(letter).toMatchObject({ key: null, holds: false, attempts: 1 });
    expect(letter?.history).toMatchObject([{ error: 'too large' }]);
  });

  it('get what a key is released from, whether it is being retried or dead already', async () => {
    refused = ['bad'];
    const recording = publisher();
    const owner = await suite.start({ publisher: recording, retry: fixed(0, 60_000) });
    await suite.publish(owner, 'k', ['bad', 'behind']);
    const held = owner.app.get(HeldKeyList);
    await eventually(async () => expect(await held.list()).toMatchObject([{ ...KEY, waitsFor: 'retry', attempts: 1 }]));
    expect(await held.release(KEY)).toBe(true);
    await recording.arrived(1);
    expect(recording.payloads()).toEqual(['behind']);
    expect(await owner.app.get(DeadLetters).list()).toMatchObject([{ holds: false, attempts: 1 }]);
    await eventually(async () => expect(await held.list()).toEqual([]));
    expect(await held.release(KEY)).toBe(false);
  });

  it('that hold a key are released without being sent', async () => {
    refused = ['bad'];
    const recording = publisher();
    const owner = await suite.start({ publisher: recording, retry: fixed(1, 5) });
    await suite.publish(owner, 'k', ['bad', 'behind']);
    const held = owner.app.get(HeldKeyList);
    await eventually(async () => expect(await held.list()).toMatchObject([{ waitsFor: 'dead letter' }]));
    await held.release(KEY);
    await recording.arrived(1);
    expect(await owner.app.get(DeadLetters).list()).toMatchObject([{ holds: false }]);
  });

  it('never get what has no handler here: another process may have one', async () => {
    const owner = await suite.start({ retry: fixed(2, 5) });
    await suite.publish(owner, 'k', [1]);
    await eventually(() => expect(owner.relay.stats().failed).toBeGreaterThan(4));
    expect(await owner.app.get(DeadLetters).list()).toEqual([]);
  });
});
