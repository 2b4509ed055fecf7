import { Partition } from './partition.js';

/** Partitions by their low ends, without empty ones. They may overlap. */
export class SortedPartitions implements Iterable<Partition> {
  private constructor(readonly parts: readonly Partition[]) {}

  static of(...parts: readonly Partition[]): SortedPartitions {
    return new SortedPartitions(
      parts.filter((part) => !part.isEmpty).toSorted((a, b) => (a.low < b.low ? -1 : Number(a.low > b.low))),
    );
  }

  /** What is left of `from` when everything in `taken` is cut out: the gaps, as large as they are. */
  static excluding(from: Partition, ...taken: readonly Partition[]): SortedPartitions {
    const gaps: Partition[] = [];
    let low = from.low;
    for (const part of SortedPartitions.of(...taken)) {
      if (!part.overlaps(from)) continue;
      if (part.low > low) gaps.push(Partition.fromInts(low, part.low));
      if (part.high > low) low = part.high;
    }
    if (low < from.high) gaps.push(Partition.fromInts(low, from.high));
    return new SortedPartitions(gaps);
  }

  /**
   * The items whose key lies in one of the partitions. `sorted` is ascending by key; `keyOf` gives a key as lower-case
   * hex of `2 * keySpaceBytes` digits. One walk over both.
   */
  onlyIn<T>(sorted: readonly T[], keyOf: (item: T) => string, keySpaceBytes: number): T[] {
    const bounds = this.parts.map((part) => part.queryBounds(keySpaceBytes));
    let at = 0;
    return sorted.filter((item) => {
      const key = keyOf(item);
      while (at < bounds.length && key >= bounds[at]![1]) at += 1;
      return at < bounds.length && key >= bounds[at]![0];
    });
  }

  [Symbol.iterator](): IterableIterator<Partition> {
    return this.parts.values();
  }
}
