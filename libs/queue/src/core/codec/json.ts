import { type Codec } from './codec.js';

const codec: Codec<unknown> = {
  name: 'json',
  encode: (batch) => Buffer.from(JSON.stringify([...batch])),
  decode: (data, push) => {
    const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
    for (const item of JSON.parse(text) as unknown[]) push(item);
  },
  derive: () => codec,
};

/** One JSON array per batch. An item comes back as JSON keeps it: a Date as text, undefined as null. */
export function json<Item>(): Codec<Item> {
  return codec as Codec<Item>;
}
