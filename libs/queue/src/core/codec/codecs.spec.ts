import { describe, expect, it } from 'vitest';
import { compressed } from './compressed.js';
import { type Codec } from './codec.js';
import { json } from './json.js';
import { v8 } from './v8.js';

function roundTrip<Item>(codec: Codec<Item>, items: Item[]): Item[] {
  const decoded: Item[] = [];
  // Of a larger array, as a driver's answer can be.
  const encoded = Buffer.concat([Buffer.from('xx'), codec.derive().encode(items)]).subarray(2);
  codec.decode(encoded, (item) => decoded.push(item));
  return decoded;
}

describe('codecs', () => {
  const codecs: [string, Codec<unknown>][] = [json(), v8(), compressed(json()), compressed(v8())].map((codec) => [
    codec.name,
    codec,
  ]);

  it.each(codecs)('%s gives back the items, in order', (_name, codec) => {
    const items = [{ id: 1, text: 'é\n"' }, [], 'two', null, 4];
    expect(roundTrip(codec, items)).toEqual(items);
  });

  it('name their formats, so that none reads what another wrote', () => {
    expect(codecs.map(([name]) => name)).toEqual(['json', 'v8', 'deflate(json)', 'deflate(v8)']);
  });

  it('v8 keeps what JSON loses', () => {
    const items = [new Date(5), new Map([[1, new Set(['a'])]]), 5n, undefined, new Uint8Array([1, 2])];
    expect(roundTrip(v8<unknown>(), items)).toEqual(items);
  });

  it('compressed makes similar items small', () => {
    const items = Array.from({ length: 100 }, (_, id) => ({ id, status: 'a status that repeats itself' }));
    expect(compressed(json()).encode(items).length).toBeLessThan(json().encode(items).length / 4);
  });
});
