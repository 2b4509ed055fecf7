import { getEventListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { PublishError } from '../outbox.errors.js';
import { callPublisher } from './call-publisher.js';
import type { OutgoingMessage } from './message.js';
import type { Publisher } from './publisher.js';

const TIMEOUT_MS = 1000;
const GRACE_MS = 1000;
const messages = ['a', 'b'].map((id) => ({ id })) as unknown as OutgoingMessage[];

/** Its two messages' errors, as they were when the call ended; and when that was. */
async function call(publish: Publisher['publish'], stop = new AbortController().signal) {
  const clock = new ManualClock();
  let endedMs: number | undefined;
  const errors = callPublisher(messages, 'n', { publisher: { publish }, clock, publishTimeoutMs: TIMEOUT_MS }, stop);
  void errors.then(() => (endedMs = clock.monotonic()));
  for (let second = 0; second < 5; second += 1) await clock.advance(1000);
  expect(clock.waiting).toBe(0);
  return { errors: (await errors).map((error) => error?.message), endedMs };
}

const rejects = (reason: unknown) => (): Promise<never> => Promise.reject(reason);

describe('A call of a publisher', () => {
  it('that resolves has sent all', async () => {
    expect(await call(async () => undefined)).toEqual({ errors: [], endedMs: 0 });
  });

  it.each<[string, Publisher['publish'], (string | undefined)[]]>([
    ['rejects', rejects(new Error('no')), ['no', 'no']],
    [
      'throws at once',
      () => {
        throw new Error('at once');
      },
      ['at once', 'at once'],
    ],
    ['throws a string', rejects('text'), Array(2).fill('Not an Error was thrown: text')],
    ['throws nothing', rejects(undefined), Array(2).fill('Not an Error was thrown: undefined')],
    [
      'throws what has no text',
      rejects(Object.create(null)),
      Array(2).fill('Not an Error was thrown: a value of type object'),
    ],
    [
      'throws an Error whose message is none',
      rejects(Object.assign(new Error('x'), { message: 5 })),
      Array(2).fill('Not an Error was thrown: Error: 5'),
    ],
    ['says what of each', rejects(new PublishError([undefined, new Error('b')])), [undefined, 'b']],
    ['says that none failed after all', rejects(new PublishError([undefined, undefined])), [undefined, undefined]],
    [
      'says too little',
      rejects(new PublishError([undefined])),
      Array(2).fill('The publisher threw a PublishError with 1 results for 2 messages.'),
    ],
    [
      'says too much',
      rejects(new PublishError([undefined, undefined, undefined])),
      Array(2).fill('The publisher threw a PublishError with 3 results for 2 messages.'),
    ],
    [
      'gives no Errors',
      rejects(new PublishError(['text', null] as unknown as Error[])),
      ['Not an Error was thrown: text', 'Not an Error was thrown: null'],
    ],
  ])('that %s', async (_what, publish, errors) => {
    expect((await call(publish)).errors).toEqual(errors);
  });

  it('that ends when its signal aborts has failed with what it says', async () => {
    const ended = await call(
      (_messages, { signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    expect(ended.endedMs).toBe(TIMEOUT_MS);
    expect(ended.errors[0]).toMatch('deadline has passed');
  });

  it('that ends well within the grace has sent all', async () => {
    const ended = await call(
      (_messages, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
    );
    expect(ended.errors).toEqual([]);
  });

  it('that never ends is given up after the grace', async () => {
    const ended = await call(() => new Promise(() => undefined));
    expect(ended).toEqual({
      errors: Array(2).fill('The publisher did not end its call in time.'),
      endedMs: TIMEOUT_MS + GRACE_MS,
    });
  });

  it('that begins while the relay stops has the grace', async () => {
    const ended = await call(() => new Promise(() => undefined), AbortSignal.abort());
    expect(ended.endedMs).toBe(GRACE_MS);
  });

  // Taken out to see it fail: `AbortSignal.any` in place of `abortedWith`.
  it('leaves nothing behind that lives as long as the relay, whatever the publisher leaves on its signal', async () => {
    const stop = new AbortController().signal;
    const signals: WeakRef<AbortSignal>[] = [];
    for (let calls = 0; calls < 20; calls += 1) {
      await call(async (_messages, { signal }) => {
        signal.addEventListener('abort', () => signal.reason);
        signals.push(new WeakRef(signal));
      }, stop);
    }
    await collectGarbage();
    expect(signals.filter((signal) => signal.deref() !== undefined)).toEqual([]);
    expect(getEventListeners(stop, 'abort')).toEqual([]);
  });
});

/** Node does so when it sees fit, unless it is asked in this way. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let turn = 0; turn < 3; turn += 1) {
    await setImmediate(); // what the running turn has touched stays alive until it is over
    gc();
  }
}
