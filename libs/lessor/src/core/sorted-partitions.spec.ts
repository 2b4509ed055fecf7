import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Partition } from './partition.js';
import { SortedPartitions } from './sorted-partitions.js';

/** Partitions of the keys 0 to 255: small enough to look at each key. */
const small = fc.tuple(fc.nat(256), fc.nat(256)).map(([a, b]) => Partition.fromInts(Math.min(a, b), Math.max(a, b)));
const keys = Array.from({ length: 256 }, (_, key) => key);
const hasKey = (parts: Iterable<Partition>, key: number): boolean =>
  [...parts].some(({ low, high }) => low <= key && key < high);

describe('SortedPartitions', () => {
  it('orders by the low end and leaves empty ones out', () => {
    const parts = ['8_9', '5_5', '1_3', '1_2'].map(Partition.parse);
    expect(SortedPartitions.of(...parts).parts.map(({ low }) => Number(low))).toEqual([1, 1, 8]);
  });

  it('excluding: a key is left exactly if it is in the whole and in nothing that is taken', () => {
    fc.assert(
      fc.property(small, fc.array(small, { maxLength: 6 }), (from, taken) => {
        const gaps = SortedPartitions.excluding(from, ...taken);
        expect(keys.filter((key) => hasKey(gaps, key))).toEqual(
          keys.filter((key) => hasKey([from], key) && !hasKey(taken, key)),
        );
        // As large as they are: no gap is empty, and no two touch.
        expect(gaps.parts.every((gap, at) => !gap.isEmpty && gap.high !== gaps.parts[at + 1]?.low)).toBe(true);
      }),
    );
  });

  it('onlyIn: an item is kept exactly if its key lies in one of them, whether they overlap or not', () => {
    fc.assert(
      fc.property(fc.array(small, { maxLength: 6 }), fc.array(fc.nat(255), { maxLength: 40 }), (parts, unsorted) => {
        const items = unsorted.toSorted((a, b) => a - b).map((key) => ({ key }));
        const kept = SortedPartitions.of(...parts).onlyIn(items, ({ key }) => key.toString(16).padStart(2, '0'), 1);
        expect(kept).toEqual(items.filter(({ key }) => hasKey(parts, key)));
      }),
    );
  });
});
