import { exponential, fixed } from 'nestjs-turnpike/timing';
import { describe, expect, it } from 'vitest';
import { NoHandlerError, NonRetryableError, UnknownDestinationError } from '../outbox.errors.js';
import type { Item } from './item.js';
import { retryAfterMsOf, verdictOf } from './verdict.js';

const item = (attempts: number, more: Partial<Item> = {}): Item => ({
  entry: {
    id: 1n,
    shard: 0,
    messageId: 'm',
    namespace: 'n',
    destination: 'd',
    topic: 't',
    key: 'k',
    payload: Buffer.from('{}'),
    contentType: 'application/json',
    headers: {},
    createdAtMs: 0,
  },
  from: 'flow',
  attempts,
  history: [],
  ...more,
});

const three = fixed(3, 50).withJitter(0);
const one = fixed(1, 50).withJitter(0);
const no = new Error('no');
const never = new NonRetryableError('never');
const nobody = new NoHandlerError('t');
const asks = (retryAfterMs: unknown): Error => Object.assign(new Error('later'), { retryAfterMs });

describe('A failed delivery', () => {
  it.each<[string, Item, Error, typeof three, object]>([
    ['the first of three', item(0), no, three, { kind: 'retry', attempts: 1, delayMs: 50 }],
    ['the second of three', item(1), no, three, { kind: 'retry', attempts: 2, delayMs: 50 }],
    ['the last of three', item(2), no, three, { kind: 'bury', attempts: 3 }],
    ['the only one', item(0), no, one, { kind: 'bury', attempts: 1 }],
    ['one that is counted already', item(2, { counted: true }), no, three, { kind: 'retry', attempts: 2 }],
    ['the last one, counted already', item(3, { counted: true }), no, three, { kind: 'bury', attempts: 3 }],
    ['one that will never be taken', item(0), never, three, { kind: 'bury', attempts: 1 }],
    ['one that asks for less time than the policy', item(0), asks(10), three, { kind: 'retry', delayMs: 50 }],
    ['one that asks for more time than the policy', item(0), asks(90), three, { kind: 'retry', delayMs: 90 }],
    ['one that nobody here handles', item(0), nobody, three, { kind: 'retry', attempts: 1, delayMs: 50 }],
    ['one that nobody handles, the last time', item(2), nobody, three, { kind: 'retry', attempts: 2, delayMs: 50 }],
    ['one that nobody handles, without retries', item(0), nobody, one, { kind: 'retry', attempts: 0, delayMs: 60_000 }],
    [
      'one for a destination unknown here, counted already',
      item(3, { counted: true }),
      new UnknownDestinationError('d'),
      three,
      { kind: 'retry', attempts: 2, delayMs: 50 },
    ],
  ])('%s', (_what, failed, error, policy, verdict) => {
    expect(verdictOf(failed, error, policy, 1000)).toMatchObject(verdict);
  });

  it('adds to the history, of which the newest 20 attempts and 1000 characters each are kept', () => {
    const history = Array.from({ length: 20 }, (_, at) => ({ attempt: at + 1, atMs: at, error: `error ${at + 1}` }));
    const { history: kept } = verdictOf(item(20, { history }), new Error('x'.repeat(2000)), exponential(0, 1, 1), 5);
    expect(kept).toHaveLength(20);
    expect(kept[0]?.attempt).toBe(2);
    expect(kept.at(-1)).toEqual({ attempt: 21, atMs: 5, error: 'x'.repeat(1000) });
  });

  it.each([
    [5000, 5000],
    [Number.POSITIVE_INFINITY, 86_400_000],
    [-1, 0],
    [Number.NaN, 0],
    ['5', 0],
    [undefined, 0],
  ])('that asks for %s ms gets %s', (asked, granted) => {
    expect(retryAfterMsOf(asks(asked))).toBe(granted);
  });
});
