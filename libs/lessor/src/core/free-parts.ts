import type { GrantedPart, LeaseGrant } from './lease-store.js';
import type { Partition } from './partition.js';
import { SortedPartitions } from './sorted-partitions.js';

/** A lease as it is stored; not above 0 means expired. Those of a section do not overlap. */
export interface StoredLease {
  readonly partition: Partition;
  readonly leftMs: number;
}

export interface FreeParts extends Omit<LeaseGrant, 'token'> {
  /** The expired leases in whose place the parts come. */
  readonly replaced: readonly Partition[];
}

/**
 * What an acquire may have: the decision of every store that decides in the process. Thousands of parts are asked for
 * where thousands are leased, so nothing here compares each with each.
 */
export function freeParts(
  desired: readonly Partition[],
  stored: readonly StoredLease[],
  limit = Number.POSITIVE_INFINITY,
): FreeParts {
  const live = new ByPlace(stored.filter(({ leftMs }) => leftMs > 0));
  const expired = new ByPlace(stored.filter(({ leftMs }) => leftMs <= 0));
  const asked = new ByPlace<{ readonly partition: Partition }>([]);
  const parts: GrantedPart[] = [];
  const replaced = new Set<Partition>();
  let freeInMs = Number.POSITIVE_INFINITY;
  for (const wanted of desired) {
    const taken = live.within(wanted);
    for (const { leftMs } of taken) freeInMs = Math.min(freeInMs, leftMs);
    const cut = [...taken, ...asked.within(wanted)].map(({ partition }) => partition);
    for (const partition of SortedPartitions.excluding(wanted, ...cut)) {
      asked.add({ partition });
      if (parts.length === limit) continue;
      const before = expired.within(partition);
      parts.push({ partition, afterExpiry: before.length > 0 });
      for (const lease of before) replaced.add(lease.partition);
    }
  }
  return { parts, freeInMs: Number.isFinite(freeInMs) ? freeInMs : undefined, replaced: [...replaced] };
}

/** Things with places in the key space that do not overlap, found by halving. */
class ByPlace<T extends { readonly partition: Partition }> {
  private readonly sorted: T[];

  constructor(items: readonly T[]) {
    this.sorted = items.toSorted((a, b) => (a.partition.low < b.partition.low ? -1 : 1));
  }

  /** Those that share a key with `part`. */
  within({ low, high, isEmpty }: Partition): T[] {
    if (isEmpty) return [];
    const from = this.after(low);
    let to = from;
    while (to < this.sorted.length && this.sorted[to]!.partition.low < high) to += 1;
    return this.sorted.slice(from, to);
  }

  add(item: T): void {
    this.sorted.splice(this.after(item.partition.low), 0, item);
  }

  /** Where the first one is that ends above `key`. */
  private after(key: bigint): number {
    let [low, high] = [0, this.sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.sorted[middle]!.partition.high > key) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
