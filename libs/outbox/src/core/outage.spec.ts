import { describe, expect, it } from 'vitest';
import { NoHandlerError, NonRetryableError, PublisherUnavailableError } from '../outbox.errors.js';
import { fromFlow, type Item } from './item.js';
import { afterCall, UP, type OutageState } from './outage.js';

const item = (id: number, key: string | null = `k${id}`): Item =>
  fromFlow(
    {
      id: BigInt(id),
      shard: 0,
      messageId: `m${id}`,
      namespace: 'n',
      destination: 'd',
      topic: 't',
      key,
      payload: Buffer.from('{}'),
      contentType: 'application/json',
      headers: {},
      createdAtMs: 0,
    },
    () => undefined,
  );

const no = new Error('no');
const away = new PublisherUnavailableError('away');
const never = new NonRetryableError('never');
const nobody = new NoHandlerError('t');

type Call = readonly (readonly [entry: Item, error?: Error])[];

const after = (...calls: readonly Call[]): OutageState =>
  calls.reduce<OutageState>(
    (state, call) =>
      afterCall(
        state,
        call.map(([entry, error]) => ({ item: entry, error })),
        1000,
      ),
    UP,
  );

describe('A destination', () => {
  it.each<[string, 'up' | 'down', readonly Call[]]>([
    ['sent everything', 'up', [[[item(1)], [item(2)]]]],
    ['says that it is away', 'down', [[[item(1), away]]]],
    ['says so of one message of a call in which others arrived', 'down', [[[item(1)], [item(2), away]]]],
    ['says so while it is away already', 'down', [[[item(1), away]], [[item(2), away]]]],
    ['fails one message, again and again', 'up', Array.from({ length: 50 }, () => [[item(1), no]])],
    ['fails two of two keys', 'up', [[[item(1), no]], [[item(2), no]]]],
    ['fails three of one key', 'up', [1, 2, 3].map((id): Call => [[item(id, 'k'), no]])],
    ['fails a hundred of one key', 'up', Array.from({ length: 100 }, (_, id): Call => [[item(id, 'k'), no]])],
    ['fails three of two keys in a row', 'down', [[[item(1, 'k'), no]], [[item(2, 'k'), no]], [[item(3), no]]]],
    [
      'fails three of three keys in one call',
      'down',
      [
        [
          [item(1), no],
          [item(2), no],
          [item(3), no],
        ],
      ],
    ],
    ['fails two and the first of them again', 'up', [[[item(1), no]], [[item(2), no]], [[item(1), no]]]],
    ['fails three without a key', 'down', [1, 2, 3].map((id): Call => [[item(id, null), no]])],
    ['takes one between failures', 'up', [[[item(1), no]], [[item(2), no]], [[item(3)]], [[item(4), no]]]],
    ['takes one in the call in which others fail', 'up', [[[item(1), no], [item(2), no], [item(3), no], [item(4)]]]],
    ['refuses one for good between failures', 'up', [[[item(1), no]], [[item(2), no]], [[item(3), never]]]],
    ['is asked for what nobody here handles', 'up', [1, 2, 3, 4].map((id): Call => [[item(id), nobody]])],
    ['takes a probe', 'up', [[[item(1), away]], [[item(1)]]]],
    ['refuses a probe for good', 'up', [[[item(1), away]], [[item(1), never]]]],
    ['fails a probe', 'down', [[[item(1), away]], [[item(2), no]]]],
    ['is probed with what nobody here handles', 'down', [[[item(1), away]], [[item(2), nobody]]]],
  ])('that %s is %s', (_what, kind, calls) => {
    expect(after(...calls).kind).toBe(kind);
  });

  it('remembers since when it is away, how often it was probed, and why', () => {
    const slow = Object.assign(new PublisherUnavailableError('busy'), { retryAfterMs: 5000 });
    expect(after([[item(1), away]])).toEqual({
      kind: 'down',
      probes: 1,
      sinceMs: 1000,
      reason: 'away',
      retryAfterMs: 0,
    });
    expect(after([[item(1), away]], [[item(2), slow]])).toEqual({
      kind: 'down',
      probes: 2,
      sinceMs: 1000,
      reason: 'busy',
      retryAfterMs: 5000,
    });
  });

  it('keeps of each that failed what it was before its first failure in a row', () => {
    const again = { ...item(1), attempts: 1 };
    const state = after([[item(1), no]], [[again, no]]);
    expect(state).toMatchObject({ kind: 'up' });
    expect(state.kind === 'up' && [...state.streak.values()].map(({ first }) => first.attempts)).toEqual([0]);
  });

  it('keeps two entries of a key at most, however many of it fail', () => {
    const state = after(...Array.from({ length: 10_000 }, (_, id): Call => [[item(id, 'k'), no]]));
    expect(state.kind === 'up' && state.streak.size).toBe(2);
  });
});
