import { ItemEncodingError } from '../../queue.errors.js';
import { type NewBatch } from '../batch-store.js';
import { type Codec } from '../codec/codec.js';

export interface Encoded {
  /** Undefined when no item could be encoded. */
  readonly batch: NewBatch | undefined;
  /** One for each item that had to be left out. */
  readonly errors: readonly ItemEncodingError[];
}

/**
 * Encodes items as one batch. An item that the codec refuses must not take the ones around it along, so then each is
 * tried alone and the batch is made of the others.
 */
export function encodeBatch<Item>(queue: string, codec: Codec<Item>, items: Iterable<Item>, size: number): Encoded {
  try {
    return { batch: { codec: codec.name, items: size, data: codec.encode(items) }, errors: [] };
  } catch {
    const errors: ItemEncodingError[] = [];
    const good: Item[] = [];
    for (const item of items) {
      try {
        codec.encode([item]);
        good.push(item);
      } catch (cause) {
        errors.push(new ItemEncodingError(queue, codec.name, cause));
      }
    }
    const batch = good.length > 0 ? { codec: codec.name, items: good.length, data: codec.encode(good) } : undefined;
    return { batch, errors };
  }
}
