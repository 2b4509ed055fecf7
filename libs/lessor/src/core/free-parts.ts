import type { GrantedPart } from './lease-store.js';
import type { Partition } from './partition.js';
import { SortedPartitions } from './sorted-partitions.js';

/** A lease as it is stored; not above 0 means expired. */
export interface StoredLease {
  readonly partition: Partition;
  readonly leftMs: number;
}

export interface FreeParts {
  readonly parts: readonly GrantedPart[];
  readonly freeInMs: number | undefined;
}

/** What an acquire may have: the decision of every store that decides in the process. */
export function freeParts(
  desired: readonly Partition[],
  stored: readonly StoredLease[],
  limit = Number.POSITIVE_INFINITY,
): FreeParts {
  const inTheWay = stored.filter(({ partition }) => desired.some((wanted) => wanted.overlaps(partition)));
  const live = inTheWay.filter(({ leftMs }) => leftMs > 0);
  const expired = inTheWay.filter(({ leftMs }) => leftMs <= 0);
  const taken = live.map(({ partition }) => partition);
  for (const wanted of desired) taken.push(...SortedPartitions.excluding(wanted, ...taken));
  return {
    parts: taken.slice(live.length, live.length + limit).map((partition) => ({
      partition,
      afterExpiry: expired.some((lease) => lease.partition.overlaps(partition)),
    })),
    freeInMs: live.length > 0 ? Math.min(...live.map(({ leftMs }) => leftMs)) : undefined,
  };
}
