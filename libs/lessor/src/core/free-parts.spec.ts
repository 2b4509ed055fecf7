import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { freeParts, type StoredLease } from './free-parts.js';
import { Partition } from './partition.js';
import { SortedPartitions } from './sorted-partitions.js';

const KEYS = 40;
const range = fc
  .tuple(fc.integer({ min: 0, max: KEYS }), fc.integer({ min: 0, max: KEYS }))
  .map(([a, b]) => Partition.fromInts(Math.min(a, b), Math.max(a, b)));
/** Disjoint ones, some of them expired, in any order. */
const leases = fc.array(fc.tuple(range, fc.constantFrom(-5, 0, 10, 20)), { maxLength: 12 }).map((drawn) => {
  const kept: StoredLease[] = [];
  for (const [part, leftMs] of drawn) {
    const taken = kept.map(({ partition }) => partition);
    for (const partition of SortedPartitions.excluding(part, ...taken)) kept.push({ partition, leftMs });
  }
  return kept.toReversed();
});

const keysOf = (part: Partition): number[] =>
  Array.from({ length: Number(part.size) }, (_, index) => Number(part.low) + index);
const keys = (parts: readonly Partition[]): Set<number> => new Set(parts.flatMap(keysOf));

describe('freeParts', () => {
  it('gives every key that is wanted and not leased once, in the order of what is wanted', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 8 }), leases, (desired, stored) => {
        const { parts } = freeParts(desired, stored);
        const taken = keys(stored.filter(({ leftMs }) => leftMs > 0).map(({ partition }) => partition));
        const wanted = new Set(desired.flatMap(keysOf).filter((key) => !taken.has(key)));
        expect(parts.flatMap(({ partition }) => keysOf(partition))).toEqual([...wanted]);
      }),
    );
  });

  it('says of each part whether a lease in it ran out, and which ones these were', () => {
    fc.assert(
      fc.property(
        fc.array(range, { maxLength: 8 }),
        leases,
        fc.integer({ min: 1, max: 4 }),
        (desired, stored, limit) => {
          const { parts, replaced } = freeParts(desired, stored, limit);
          const expired = stored.filter(({ leftMs }) => leftMs <= 0).map(({ partition }) => partition);
          for (const { partition, afterExpiry } of parts) {
            expect(afterExpiry).toBe(expired.some((lease) => lease.overlaps(partition)));
          }
          const gone = expired.filter((lease) => parts.some(({ partition }) => partition.overlaps(lease)));
          expect(keys(replaced)).toEqual(keys(gone));
          expect(new Set(replaced).size).toBe(gone.length);
        },
      ),
    );
  });

  it('gives the first parts when there is a limit, and says when the first live lease in the way of any ends', () => {
    fc.assert(
      fc.property(
        fc.array(range, { maxLength: 8 }),
        leases,
        fc.integer({ min: 1, max: 4 }),
        (desired, stored, limit) => {
          const { parts, freeInMs } = freeParts(desired, stored, limit);
          expect(parts).toEqual(freeParts(desired, stored).parts.slice(0, limit));
          const inTheWay = stored.filter(
            ({ partition, leftMs }) => leftMs > 0 && desired.some((wanted) => wanted.overlaps(partition)),
          );
          expect(freeInMs).toBe(inTheWay.map(({ leftMs }) => leftMs).toSorted((a, b) => a - b)[0]);
        },
      ),
    );
  });
});
