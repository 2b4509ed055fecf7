/** Turns a batch of items into bytes and back. */
export interface Codec<Item> {
  /** Stored with every batch, so that no other codec tries to read it. Names the format, not the class. */
  readonly name: string;
  /** Throws when an item cannot be encoded. */
  encode(batch: Iterable<Item>): Uint8Array;
  /** Hands the items to `push` in the order in which they were encoded. */
  decode(data: Uint8Array, push: (item: Item) => void): void;
  /** One for another worker, so that a codec may keep state between its calls. */
  derive(): Codec<Item>;
}
