import { checkDuration, checkInteger } from 'nestjs-turnpike/timing';
import type { Lease, Lessor } from './lessor.js';
import { Partition } from './partition.js';
import { SortedPartitions } from './sorted-partitions.js';

export interface SweeperOptions<Item> {
  readonly lessor: Lessor;
  readonly section: string;
  /** How long the keys are: 16 for UUIDs. */
  readonly keySpaceBytes: number;
  /** The item's key as lower-case hex of `2 * keySpaceBytes` digits. */
  readonly keyOf: (item: Item) => string;
  /**
   * The first `limit` leftovers with `low <= key < high`, ascending by key. The bounds are `queryBounds` of a partition:
   * compare them as text, byte by byte.
   */
  readonly scan: (low: string, high: string, limit: number, signal?: AbortSignal) => Promise<readonly Item[]>;
  /** Works on leftovers that nobody else works on. When it resolves, `scan` must not find them any more. */
  readonly process: (items: readonly Item[], lease: Lease) => Promise<void>;
  /** Into how many parts the key space is split at first. Default: 64. */
  readonly shards?: number;
  /** Default: 2048. */
  readonly itemsPerScan?: number;
  /** Into how many parts the rest of a part is split when a scan did not reach its end. Default: 16. */
  readonly secondaryShards?: number;
  /** How long what one scan found is leased. Default: 60,000 ms. */
  readonly leaseMs?: number;
  /** A number in `[0, 1)`: where to begin, so that several sweepers do not walk behind each other. Default: Math.random. */
  readonly random?: () => number;
}

export interface SweepResult {
  readonly processed: number;
  /** Found, but leased by somebody else or processed by them meanwhile. */
  readonly leftToOthers: number;
  /** False: a part was so dense that not all of it was scanned. Sweep again. */
  readonly complete: boolean;
}

/** Follow-up scans of follow-up scans: enough for 64 * 16 * 16 * 2048 leftovers that are evenly spread. */
const MAX_DEPTH = 2;

/**
 * Finds leftovers in a key space too large for one scan, and has each processed by one process at a time.
 *
 * A scan reads at most `itemsPerScan`. If it was full, the rest of its part is split, by the density seen so far, into at
 * most `secondaryShards` follow-up scans, two levels deep. What a scan found is leased, from its first to its last key,
 * read again, and processed: between the scan and the lease somebody else may have processed it and gone.
 *
 * While all sweepers live and `process` keeps its promise, each leftover is processed once. When one dies, its leftovers
 * are found again by a sweep after its leases have ended, and what it had begun is processed twice.
 */
export class Sweeper<Item> {
  private readonly shards: number;
  private readonly itemsPerScan: number;
  private readonly secondaryShards: number;
  private readonly leaseMs: number;

  constructor(private readonly o: SweeperOptions<Item>) {
    this.shards = o.shards ?? 64;
    this.itemsPerScan = o.itemsPerScan ?? 2048;
    this.secondaryShards = o.secondaryShards ?? 16;
    this.leaseMs = o.leaseMs ?? 60_000;
    checkInteger('shards', this.shards, 1);
    checkInteger('itemsPerScan', this.itemsPerScan, 1);
    checkInteger('secondaryShards', this.secondaryShards, 1);
    checkDuration('leaseMs', this.leaseMs, 1);
    Partition.universe(o.keySpaceBytes);
  }

  /** One sweep over the whole key space. Rejects with what a scan, the lessor or `process` failed with, or the signal's reason. */
  async sweep(signal?: AbortSignal): Promise<SweepResult> {
    const parts = Partition.universe(this.o.keySpaceBytes).split(this.shards);
    const first = Math.floor((this.o.random ?? Math.random)() * parts.length);
    const results: SweepResult[] = [];
    for (const part of [...parts.slice(first), ...parts.slice(0, first)])
      results.push(await this.part(part, 0, signal));
    return sum(results);
  }

  private async part(part: Partition, depth: number, signal: AbortSignal | undefined): Promise<SweepResult> {
    signal?.throwIfAborted();
    const found = await this.scan(part, signal);
    if (found.length === 0) return sum([]);
    const lastKey = this.o.keyOf(found.at(-1)!);
    const results = [await this.lease(found, signal)];
    const rest = found.length < this.itemsPerScan ? [] : this.after(part, lastKey);
    if (depth === MAX_DEPTH && rest.length > 0) results.push({ processed: 0, leftToOthers: 0, complete: false });
    else for (const next of rest) results.push(await this.part(next, depth + 1, signal));
    return sum(results);
  }

  private after(part: Partition, lastKey: string): Partition[] {
    return part.splitAfter(lastKey, {
      itemsBefore: this.itemsPerScan,
      targetItems: this.itemsPerScan,
      maxShards: this.secondaryShards,
    });
  }

  private lease(found: readonly Item[], signal: AbortSignal | undefined): Promise<SweepResult> {
    const span = Partition.spanInclusive(this.o.keyOf(found[0]!), this.o.keyOf(found.at(-1)!));
    const work = async (parts: readonly Partition[], lease: Lease): Promise<SweepResult> => {
      const mine = SortedPartitions.of(...parts).onlyIn(found, this.o.keyOf, this.o.keySpaceBytes);
      const left = mine.length > 0 ? await this.stillLeft(mine, parts, lease.signal) : [];
      if (left.length > 0) await this.o.process(left, lease);
      return { processed: left.length, leftToOthers: found.length - left.length, complete: true };
    };
    return this.o.lessor.withLease(this.o.section, span, this.leaseMs, work, { signal });
  }

  /** Those of `mine` that a scan still finds. New ones are left to the next sweep. */
  private async stillLeft(mine: readonly Item[], parts: readonly Partition[], signal: AbortSignal): Promise<Item[]> {
    const keys = new Set(mine.map(this.o.keyOf));
    const left: Item[] = [];
    for (const part of parts) left.push(...(await this.scan(part, signal)));
    return left.filter((item) => keys.has(this.o.keyOf(item)));
  }

  private scan(part: Partition, signal: AbortSignal | undefined): Promise<readonly Item[]> {
    const [low, high] = part.queryBounds(this.o.keySpaceBytes);
    return this.o.scan(low, high, this.itemsPerScan, signal);
  }
}

function sum(results: readonly SweepResult[]): SweepResult {
  return {
    processed: results.reduce((total, { processed }) => total + processed, 0),
    leftToOthers: results.reduce((total, { leftToOthers }) => total + leftToOthers, 0),
    complete: results.every(({ complete }) => complete),
  };
}
