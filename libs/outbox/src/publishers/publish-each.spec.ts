import { describe, expect, it } from 'vitest';
import { outgoing } from '../../../../test/support/outgoing-message.js';
import { NonRetryableError, PublishError, PublisherUnavailableError } from '../outbox.errors.js';
import { endCall, sendEach, within } from './publish-each.js';

const forever = new AbortController().signal;
const messages = ['a', 'b', 'c'].map((id) => outgoing({ id }));

describe('sendEach', () => {
  it('sends all at once, and gives an error for each that failed, in its place', async () => {
    const begun: string[] = [];
    const errors = await sendEach(messages, forever, {
      send: async ({ id }) => {
        begun.push(id);
        await Promise.resolve();
        if (begun.length < 3) throw new Error('not all had begun');
        if (id === 'b') throw new Error('no');
      },
    });
    expect(errors).toEqual([undefined, new Error('no'), undefined]);
  });

  it('ends when the signal aborts: what has an answer keeps it, the rest is unanswered', async () => {
    const abort = new AbortController();
    const errors = sendEach(messages, abort.signal, {
      send: ({ id }) => (id === 'a' ? Promise.resolve() : new Promise(() => undefined)),
      unanswered: () => new Error('open'),
    });
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    expect(await errors).toEqual([undefined, new Error('open'), new Error('open')]);
  });

  it('sends nothing when the signal has aborted', async () => {
    const errors = await sendEach(messages, AbortSignal.abort(), { send: () => Promise.reject(new Error('was sent')) });
    expect(errors.map((error) => error?.message)).not.toContain('was sent');
    expect(errors).toHaveLength(3);
  });

  it('has nothing to wait for without messages', async () => {
    expect(await sendEach([], forever, { send: () => Promise.resolve() })).toEqual([]);
  });
});

describe('endCall', () => {
  const away = new PublisherUnavailableError('away');

  it('returns when all were sent', () => {
    expect(() => endCall([undefined, undefined])).not.toThrow();
  });

  it('says that the destination is unavailable when that is so for all', () => {
    expect(() => endCall([away, away])).toThrow(away);
  });

  it.each([
    ['when some were sent before', [undefined, away]],
    ['when one was refused', [new NonRetryableError('no'), away]],
    ['when all failed for their own reasons', [new Error('no'), new Error('no')]],
  ])('says what became of each %s', (_when, errors) => {
    let failure: unknown;
    try {
      endCall(errors);
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(PublishError);
    expect((failure as PublishError).errors).toEqual(errors);
  });
});

describe('within', () => {
  it('gives what the work gives, or its failure', async () => {
    expect(await within(forever, Promise.resolve(1))).toBe(1);
    await expect(within(forever, Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('waits no longer than the signal', async () => {
    const never = new Promise(() => undefined);
    await expect(within(AbortSignal.abort(), never)).rejects.toBeInstanceOf(PublisherUnavailableError);
    const abort = new AbortController();
    const waiting = within(abort.signal, never, () => new Error('late'));
    abort.abort();
    await expect(waiting).rejects.toThrow('late');
  });
});
