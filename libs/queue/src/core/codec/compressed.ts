import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { type Codec } from './codec.js';

/**
 * What `codec` encodes, deflated at the fastest level: worth it for batches of many similar items in a slow or remote
 * store. It costs the event loop some 10 ms per MB.
 */
export function compressed<Item>(codec: Codec<Item>): Codec<Item> {
  return {
    name: `deflate(${codec.name})`,
    encode: (batch) => deflateRawSync(codec.encode(batch), { level: constants.Z_BEST_SPEED }),
    decode: (data, push) => codec.decode(inflateRawSync(data), push),
    derive: () => compressed(codec.derive()),
  };
}
