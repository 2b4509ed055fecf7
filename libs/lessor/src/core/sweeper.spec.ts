import { createHash } from 'node:crypto';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { StoreLessor } from './lessor.js';
import { MemoryLeaseStore } from './memory-lease-store.js';
import { Sweeper, type SweeperOptions } from './sweeper.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Leftovers by key, as an index would have them. */
class Leftovers {
  readonly processed = new Map<string, number>();
  readonly scans: [low: string, high: string][] = [];
  private keys: string[];

  constructor(keys: readonly string[]) {
    this.keys = keys.toSorted();
  }

  get left(): number {
    return this.keys.length;
  }

  async scan(low: string, high: string, limit: number): Promise<string[]> {
    await turn();
    this.scans.push([low, high]);
    return this.keys.slice(this.at(low), this.at(high)).slice(0, limit);
  }

  async process(keys: readonly string[]): Promise<void> {
    await turn();
    for (const key of keys) this.processed.set(key, (this.processed.get(key) ?? 0) + 1);
    const done = new Set(keys);
    this.keys = this.keys.filter((key) => !done.has(key));
  }

  private at(key: string): number {
    let [low, high] = [0, this.keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const hashes = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => createHash('md5').update(String(index)).digest('hex'));

function sweeper(leftovers: Leftovers, store: MemoryLeaseStore, o: Partial<SweeperOptions<string>> = {}) {
  return new Sweeper<string>({
    lessor: new StoreLessor(store),
    section: 'leftovers',
    keySpaceBytes: 16,
    keyOf: (key) => key,
    scan: (low, high, limit) => leftovers.scan(low, high, limit),
    process: (keys) => leftovers.process(keys),
    ...o,
  });
}

describe('Sweeper', () => {
  it('processes each of 100,000 leftovers once, with four sweepers at a time', async () => {
    const leftovers = new Leftovers(hashes(100_000));
    const store = new MemoryLeaseStore();
    const sweepers = [0, 0.1, 0.1, 0.5].map((at) => sweeper(leftovers, store, { random: () => at, shards: 8 }));
    const results = await Promise.all(sweepers.map((one) => one.sweep()));
    expect(leftovers.left).toBe(0);
    expect(leftovers.processed.size).toBe(100_000);
    expect(Math.max(...leftovers.processed.values())).toBe(1);
    expect(results.reduce((sum, { processed }) => sum + processed, 0)).toBe(100_000);
    // They did meet: the guarantee was put to the test.
    expect(results.some(({ leftToOthers }) => leftToOthers > 0)).toBe(true);
  });

  it('does not process what somebody else processed between its scan and its lease', async () => {
    const leftovers = new Leftovers(hashes(10));
    const store = new MemoryLeaseStore();
    const faster = sweeper(leftovers, store);
    const scan = async (low: string, high: string, limit: number): Promise<string[]> => {
      const found = await leftovers.scan(low, high, limit);
      await faster.sweep();
      return found;
    };
    const result = await sweeper(leftovers, store, { scan, shards: 1 }).sweep();
    expect(result).toEqual({ processed: 0, leftToOthers: 10, complete: true });
    expect(Math.max(...leftovers.processed.values())).toBe(1);
  });

  it("leaves a dead sweeper's leftovers alone until its lease ends, and then processes them", async () => {
    const clock = new ManualClock();
    const leftovers = new Leftovers(hashes(3000));
    const store = new MemoryLeaseStore(clock);
    let died = (): void => undefined;
    const dying = new Promise<void>((resolve) => (died = resolve));
    const stuck = (): Promise<void> => (died(), new Promise(() => undefined));
    void sweeper(leftovers, store, { process: stuck, random: () => 0 }).sweep();
    await dying;
    const first = await sweeper(leftovers, store, { random: () => 0 }).sweep();
    expect(first.leftToOthers).toBeGreaterThan(0);
    expect(leftovers.left).toBe(first.leftToOthers);
    await clock.advance(60_000);
    await sweeper(leftovers, store).sweep();
    expect(leftovers.left).toBe(0);
    expect(Math.max(...leftovers.processed.values())).toBe(1);
  });

  it('follows a full scan by scans of the rest, split by the density it saw', async () => {
    const leftovers = new Leftovers(hashes(1000));
    await sweeper(leftovers, new MemoryLeaseStore(), { shards: 1, itemsPerScan: 100, secondaryShards: 16 }).sweep();
    expect(leftovers.left).toBe(0);
    // The first scan saw a tenth, so about nine parts were left, each of about a scan, some of which needed a second one.
    expect(leftovers.scans.length).toBeLessThan(60);
  });

  it('goes two levels deep, and says when that was not enough', async () => {
    const dense = Array.from({ length: 50 }, (_, index) => index.toString(16).padStart(32, '0'));
    const leftovers = new Leftovers(dense);
    const small = sweeper(leftovers, new MemoryLeaseStore(), { shards: 1, itemsPerScan: 4, secondaryShards: 2 });
    expect(await small.sweep()).toMatchObject({ processed: 12, complete: false });
    while (!(await small.sweep()).complete);
    expect(leftovers.left).toBe(0);
  });

  it('stops when its signal aborts, and lets failures through', async () => {
    const leftovers = new Leftovers(hashes(10));
    const reason = new Error('enough');
    await expect(sweeper(leftovers, new MemoryLeaseStore()).sweep(AbortSignal.abort(reason))).rejects.toBe(reason);
    const failing = sweeper(leftovers, new MemoryLeaseStore(), { process: () => Promise.reject(reason) });
    await expect(failing.sweep()).rejects.toBe(reason);
    expect(leftovers.left).toBe(10);
  });

  it('refuses limits that make no sense', () => {
    const build = (o: Partial<SweeperOptions<string>>) => () => sweeper(new Leftovers([]), new MemoryLeaseStore(), o);
    expect(build({ shards: 0 })).toThrow('shards must');
    expect(build({ itemsPerScan: 0 })).toThrow('itemsPerScan must');
    expect(build({ secondaryShards: 0 })).toThrow('secondaryShards must');
    expect(build({ leaseMs: 0 })).toThrow('leaseMs must');
    expect(build({ keySpaceBytes: 0 })).toThrow('keySpaceBytes must');
  });
});
