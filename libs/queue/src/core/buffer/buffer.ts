/**
 * Where items wait in memory: pushed ones until they are flushed, and those of claimed batches until they are processed.
 * Iterating gives the items in the order in which they were first seen.
 */
export interface Buffer<Item> extends Iterable<Item> {
  push(item: Item): void;
  /** How many items it holds: fewer than `pushes` when it merges. */
  readonly size: number;
  /** How many pushes it took since the last reset. */
  readonly pushes: number;
  reset(): void;
  /** An empty one of the same kind: the queue's intake and each worker have their own. */
  derive(): Buffer<Item>;
}
