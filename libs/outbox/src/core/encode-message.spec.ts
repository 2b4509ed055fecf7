import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidMessageError } from '../outbox.errors.js';
import { encodeMessage, type EncodeOptions } from './encode-message.js';
import type { NewEntry, OutboxMessage } from './message.js';
import { ShardMap } from './shard-map.js';
import { StoredMessage } from './stored-message.js';

const encodeAll = (message: OutboxMessage, options: Partial<EncodeOptions> = {}): NewEntry[] =>
  encodeMessage(message, 'n', {
    maxPayloadBytes: 1000,
    shards: new ShardMap(64),
    newId: () => 'new-id',
    route: () => ['default'],
    ...options,
  });
const encode = (message: OutboxMessage, maxPayloadBytes = 1000): NewEntry => {
  const [entry] = encodeAll(message, { maxPayloadBytes });
  if (!entry) throw new Error('no entry');
  return entry;
};
const decode = (message: OutboxMessage) => new StoredMessage({ ...encode(message, 1e9), id: 1n, createdAtMs: 5 }, 1);

describe('encodeMessage', () => {
  it('gives back every JSON value, with its text and the order of its keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (payload) => {
        expect(JSON.stringify(decode({ topic: 't', payload }).payload)).toBe(JSON.stringify(payload));
      }),
    );
  });

  it('gives back bytes as they were when they were published', () => {
    const payload = Uint8Array.from([1, 2, 3]);
    const entry = encode({ topic: 't', payload });
    payload[0] = 9;
    expect([...entry.payload]).toEqual([1, 2, 3]);
    expect(entry.contentType).toBe('application/octet-stream');
  });

  it('makes an id when there is none, and keeps one that is given', () => {
    expect(encode({ topic: 't', payload: 1 }).messageId).toBe('new-id');
    expect(encode({ topic: 't', payload: 1, id: 'mine' }).messageId).toBe('mine');
  });

  it.each<[string, Partial<OutboxMessage>, RegExp]>([
    ['an empty topic', { topic: '' }, /its topic is empty/],
    ['a topic of 256 characters', { topic: 'x'.repeat(256) }, /its topic has 256 characters/],
    ['a topic that is no text', { topic: 5 as unknown as string }, /its topic is not text/],
    ['a key of 256 characters', { key: 'x'.repeat(256) }, /its key has 256 characters, more than 255/],
    ['NUL in the key', { key: 'a\u0000b' }, /its key holds NUL/],
    ['half a surrogate pair in the key', { key: '\ud83d' }, /its key holds NUL or half a surrogate pair/],
    ['an empty id', { id: '' }, /its id is empty/],
    ['NUL in a header', { headers: { h: '\u0000' } }, /its header "h" holds NUL/],
    ['a header that is no text', { headers: { h: 5 as unknown as string } }, /its header "h" is not text/],
    ['an undefined payload', { payload: undefined }, /undefined is nothing that JSON can hold/],
    ['a function as payload', { payload: () => 1 }, /function is nothing that JSON can hold/],
    ['a bigint in the payload', { payload: { n: 1n } }, /its payload cannot be encoded .*BigInt/],
    ['a payload over the limit', { payload: 'x'.repeat(999) }, /1001 bytes, more than maxPayloadBytes \(1000\)/],
  ])('refuses %s', (_what, part, problem) => {
    const message = { topic: 't', payload: 1, ...part };
    expect(() => encode(message)).toThrow(InvalidMessageError);
    expect(() => encode(message)).toThrow(problem);
  });

  it('takes a key of 255 characters, each of four bytes, and an empty one', () => {
    expect(encode({ topic: 't', payload: 1, key: '\u{1f69a}'.repeat(255) }).key).toHaveLength(510);
    expect(encode({ topic: 't', payload: 1, key: '' }).key).toBe('');
  });
});

describe('ShardMap', () => {
  it('puts a key always into the same shard, as it did when the entries were written', () => {
    const shards = new ShardMap(64);
    // Written down once: another result would leave stored entries in shards where nobody looks for their keys' order.
    expect(['c1', 'c2', 'customer-3', '', '\u{1f69a}'].map((key) => shards.of('default', key))).toEqual([
      3, 16, 22, 0, 59,
    ]);
  });

  it('spreads keys evenly: 6,400 keys put 60 to 150 into each of 64 shards', () => {
    const counts = Array<number>(64).fill(0);
    const shards = new ShardMap(64);
    for (let n = 0; n < 6400; n += 1) counts[shards.of('default', `customer-${n}`)]! += 1;
    expect(Math.min(...counts)).toBeGreaterThan(60);
    expect(Math.max(...counts)).toBeLessThan(150);
  });

  it('spreads what has no key by chance', () => {
    const draws = [0, 0.5, 0.999];
    const shards = new ShardMap(64, () => draws.shift() ?? 0);
    expect([shards.of('n', null), shards.of('n', null), shards.of('n', null)]).toEqual([0, 32, 63]);
  });

  it('makes an entry for each destination that the route gives, with the same id, once each', () => {
    const entries = encodeAll({ topic: 't', payload: 1, key: 'k' }, { route: () => ['a', 'b', 'a'] });
    expect(entries.map(({ destination, messageId }) => [destination, messageId])).toEqual([
      ['a', 'new-id'],
      ['b', 'new-id'],
    ]);
    expect(new Set(entries.map(({ shard }) => shard)).size).toBe(1);
  });

  it.each<[string, Partial<OutboxMessage>, Partial<EncodeOptions>, RegExp]>([
    ['a route to nowhere', {}, { route: () => [] }, /route gave it no destination/],
    ['a destination of 101 characters', {}, { route: () => ['x'.repeat(101)] }, /its destination has 101 characters/],
    ['a negative delay', { delayMs: -1 }, {}, /its delayMs is -1/],
    ['a delay that is no number', { delayMs: Number.NaN }, {}, /its delayMs is NaN/],
    ['an invalid date', { availableAt: new Date('x') }, {}, /its availableAt is no valid Date/],
    ['two due times', { delayMs: 1, availableAt: new Date() }, {}, /both delayMs and availableAt/],
  ])('refuses %s', (_what, message, options, error) => {
    expect(() => encodeAll({ topic: 't', payload: 1, ...message }, options)).toThrow(error);
    expect(() => encodeAll({ topic: 't', payload: 1, ...message }, options)).toThrow(InvalidMessageError);
  });

  it('keeps when a message is due', () => {
    expect(encode({ topic: 't', payload: 1 }).due).toBeUndefined();
    expect(encode({ topic: 't', payload: 1, delayMs: 0 }).due).toBeUndefined();
    expect(encode({ topic: 't', payload: 1, delayMs: 1.5 }).due).toEqual({ inMs: 2 });
    expect(encode({ topic: 't', payload: 1, availableAt: new Date(77) }).due).toEqual({ atMs: 77 });
  });

  it('encodes by the codec, and decodes what it wrote by it alone', () => {
    const codec = {
      contentType: 'text/reversed',
      encode: (payload: unknown) => Buffer.from(String(payload)).toReversed(),
      decode: (body: Uint8Array) => Buffer.from(Buffer.from(body).toReversed()).toString(),
    };
    const [entry] = encodeAll({ topic: 't', payload: 'abc' }, { codec });
    const stored = { ...(entry as NewEntry), id: 1n, createdAtMs: 5 };
    expect(Buffer.from(stored.payload).toString()).toBe('cba');
    expect(new StoredMessage(stored, 1, codec).payload).toBe('abc');
    expect(() => new StoredMessage(stored, 1).payload).toThrow(/no codec for text\/reversed/);
  });

  it("adds headers to the message's own, which win", () => {
    const [entry] = encodeAll(
      { topic: 't', payload: 1, headers: { a: 'own' } },
      { addHeaders: () => ({ a: 'added', b: 'added' }) },
    );
    expect(entry?.headers).toEqual({ a: 'own', b: 'added' });
  });
});
