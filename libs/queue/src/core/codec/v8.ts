import { deserialize, serialize } from 'node:v8';
import { type Codec } from './codec.js';

const codec: Codec<unknown> = {
  name: 'v8',
  encode: (batch) => serialize([...batch]),
  decode: (data, push) => {
    for (const item of deserialize(data) as unknown[]) push(item);
  },
  derive: () => codec,
};

/**
 * Node's structured clone: keeps what JSON loses (Date, Map, Set, bigint, undefined, bytes, cycles), but not classes and
 * functions. A newer Node reads what an older one wrote, not always the other way round.
 */
export function v8<Item>(): Codec<Item> {
  return codec as Codec<Item>;
}
