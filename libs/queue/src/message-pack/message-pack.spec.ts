import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compressed, messagePack, type Codec } from '../index.js';
import { loadMsgpackr } from './load-msgpackr.js';

function decoded<Item>(codec: Codec<Item>, data: Uint8Array): Item[] {
  const items: Item[] = [];
  // Of a larger array, as a driver's answer can be.
  codec.decode(Buffer.concat([Buffer.from('xx'), data]).subarray(2), (item) => items.push(item));
  return items;
}

describe('messagePack', () => {
  it('names its format, so that no other codec reads it', () => {
    expect(messagePack().name).toBe('messagePack');
    expect(compressed(messagePack()).name).toBe('deflate(messagePack)');
  });

  it('keeps what JSON loses', () => {
    const items = [new Date(5), new Map([[1, new Set(['a'])]]), 5n, 2n ** 70n, undefined, new Uint8Array([1, 2])];
    const codec = messagePack<unknown>();
    expect(decoded(codec.derive(), codec.encode(items))).toEqual(items);
  });

  it('encodes each batch by itself: any one is read without the others, by another codec and in any order', () => {
    const key = fc.string({ maxLength: 3 }).filter((name) => name !== '__proto__');
    const item = fc.dictionary(key, fc.oneof(fc.integer(), fc.string({ unit: 'grapheme' }), fc.boolean()), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(fc.array(fc.array(item, { maxLength: 9 }), { maxLength: 60 }), (batches) => {
        const codec = messagePack();
        const encoded = batches.map((batch) => codec.encode(batch)).toReversed();
        const read = encoded.map((data) => decoded(codec.derive(), data));
        expect(read.toReversed()).toEqual(batches);
      }),
    );
  });

  it('makes similar items smaller than JSON does', () => {
    const items = Array.from({ length: 100 }, (_, id) => ({ id, createdAt: 1e12 + id, status: 'new' }));
    expect(messagePack().encode(items).length).toBeLessThan(JSON.stringify(items).length / 2);
  });

  it('throws for an item that it cannot encode', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(() => messagePack().encode([cycle])).toThrow('Maximum call stack size exceeded');
    expect(() => messagePack().encode([Symbol('none')])).toThrow('Unknown type: symbol');
  });

  it('says what to install when msgpackr is missing', () => {
    const elsewhere = createRequire(join(tmpdir(), 'app.js'));
    expect(() => loadMsgpackr(elsewhere)).toThrow(/needs msgpackr: npm install msgpackr/);
  });
});
