import { type Buffer } from './buffer.js';

class MergingBuffer<Item> implements Buffer<Item> {
  private items = new Map<unknown, Item>();
  private taken = 0;

  constructor(
    private readonly keyOf: (item: Item) => unknown,
    private readonly merge: (former: Item, later: Item) => Item,
  ) {}

  get size(): number {
    return this.items.size;
  }

  get pushes(): number {
    return this.taken;
  }

  push(item: Item): void {
    const key = this.keyOf(item);
    const former = this.items.get(key);
    // `has` only when needed: an item may itself be undefined.
    const known = former !== undefined || this.items.has(key);
    this.items.set(key, known ? this.merge(former as Item, item) : item);
    this.taken++;
  }

  reset(): void {
    this.items = new Map();
    this.taken = 0;
  }

  derive(): Buffer<Item> {
    return new MergingBuffer(this.keyOf, this.merge);
  }

  [Symbol.iterator](): Iterator<Item> {
    return this.items.values();
  }
}

/**
 * Keeps one item per key: a later one is merged into the former, whose place it takes. Batches that are claimed
 * together are merged too, so `process` sees each key once. A `merge` that throws makes that push reject.
 */
export function merging<Item>(
  keyOf: (item: Item) => unknown,
  merge: (former: Item, later: Item) => Item,
): Buffer<Item> {
  return new MergingBuffer(keyOf, merge);
}
