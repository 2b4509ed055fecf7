import { type Buffer } from './buffer.js';

class AppendingBuffer<Item> implements Buffer<Item> {
  private items: Item[] = [];

  get size(): number {
    return this.items.length;
  }

  get pushes(): number {
    return this.items.length;
  }

  push(item: Item): void {
    this.items.push(item);
  }

  reset(): void {
    // A new array: whoever still iterates the former one is not cut short.
    this.items = [];
  }

  derive(): Buffer<Item> {
    return new AppendingBuffer<Item>();
  }

  [Symbol.iterator](): Iterator<Item> {
    return this.items[Symbol.iterator]();
  }
}

/** Keeps every item. */
export function appending<Item>(): Buffer<Item> {
  return new AppendingBuffer<Item>();
}
