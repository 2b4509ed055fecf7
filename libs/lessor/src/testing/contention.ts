import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseTerm } from '../core/lease-term.js';
import type { LeaseStore } from '../core/lease-store.js';
import { StoreLessor } from '../core/lessor.js';
import { Partition } from '../core/partition.js';
import { SystemClock } from 'nestjs-turnpike/timing';

interface Claim {
  readonly partition: Partition;
  /** By the monotonic clock; its holder's own idea of it. */
  readonly untilMs: number;
}

export interface ContentionResult {
  /** Pairs of leases of the same key that lived at the same time. */
  readonly overlaps: string[];
  readonly granted: number;
  readonly refused: number;
}

/** The claims that live now, from the holders' own records. */
class Claims {
  readonly overlaps: string[] = [];
  private readonly live = new Set<Claim>();

  add(claim: Claim): void {
    for (const other of this.live) {
      if (other.untilMs <= performance.now()) this.live.delete(other);
      else if (other.partition.overlaps(claim.partition))
        this.overlaps.push([claim, other].map(({ partition }) => partition.toString()).join(' and '));
    }
    this.live.add(claim);
  }

  remove(claim: Claim): void {
    this.live.delete(claim);
  }
}

/**
 * Lets 16 requesters lease random ranges of one section, `rounds` in all, and looks for keys that two of them had at the
 * same time. One round in eight never releases, as if its process had died.
 */
export async function contend(stores: readonly LeaseStore[], rounds: number): Promise<ContentionResult> {
  const claims = new Claims();
  const clock = new SystemClock();
  let [left, granted, refused] = [rounds, 0, 0];

  const die = async (store: LeaseStore, desired: Partition): Promise<readonly Partition[]> => {
    const term = new LeaseTerm(clock, 40);
    const { parts } = await store.acquire({ section: 'contention', holder: 'dying', desired: [desired], termMs: 40 });
    const untilMs = performance.now() + term.leftMs;
    for (const { partition } of parts) claims.add({ partition, untilMs });
    return parts.map(({ partition }) => partition);
  };
  const live = (store: LeaseStore, desired: Partition): Promise<readonly Partition[]> =>
    new StoreLessor(store).withLease('contention', desired, 60_000, async (parts) => {
      const mine = parts.map((partition) => ({ partition, untilMs: Number.POSITIVE_INFINITY }));
      for (const claim of mine) claims.add(claim);
      await sleep(Math.random() * 4);
      for (const claim of mine) claims.remove(claim);
      return parts;
    });

  const requester = async (store: LeaseStore): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const low = Math.floor(Math.random() * 1000);
      const desired = Partition.fromInts(low, low + 1 + Math.floor(Math.random() * 120));
      const parts = await (left % 8 === 0 ? die : live)(store, desired);
      if (parts.length > 0) granted += 1;
      else refused += 1;
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, index) => requester(stores[index % stores.length]!)));
  return { overlaps: claims.overlaps, granted, refused };
}
