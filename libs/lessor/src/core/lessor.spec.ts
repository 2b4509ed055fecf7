import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { LeaseEndedError } from '../lessor.errors.js';
import type { LeaseRequest } from './lease-store.js';
import { StoreLessor, type Lease } from './lessor.js';
import { MemoryLeaseStore } from './memory-lease-store.js';
import { Partition } from './partition.js';

const ALL = Partition.fromInts(0, 64);

/** A clock whose wall time can jump without the timers noticing, as that of a machine that was suspended. */
class JumpingClock extends ManualClock {
  jumpMs = 0;
  override now(): number {
    return super.now() + this.jumpMs;
  }
}

/** A store that answers only after `delayMs`, although it granted at once. */
class SlowStore extends MemoryLeaseStore {
  delayMs = 0;
  constructor(private readonly time: ManualClock) {
    super(time);
  }
  override async acquire(request: LeaseRequest) {
    const grant = await super.acquire(request);
    if (this.delayMs > 0) await this.time.sleep(this.delayMs);
    return grant;
  }
}

/** Starts a lease whose work ends when `finish` is called. */
async function hold(lessor: StoreLessor, durationMs: number, deadlineAtMs?: number) {
  let finish = (): void => undefined;
  const held: { parts?: readonly Partition[]; lease?: Lease } = {};
  const work = async (parts: readonly Partition[], lease: Lease): Promise<void> => {
    Object.assign(held, { parts, lease });
    await new Promise<void>((resolve) => (finish = resolve));
  };
  const done = lessor.withLease('s', ALL, durationMs, work, deadlineAtMs === undefined ? {} : { deadlineAtMs });
  return { done, held, finish: () => finish() };
}

describe('StoreLessor', () => {
  it('aborts the signal a margin before the lease ends', async () => {
    const clock = new ManualClock();
    const { held, done, finish } = await hold(new StoreLessor(new MemoryLeaseStore(clock), { clock }), 5000);
    await clock.advance(4499);
    expect(held.lease?.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(held.lease?.signal.reason).toBeInstanceOf(LeaseEndedError);
    expect(held.lease?.expiresAtMs).toBe(4500);
    finish();
    await done;
    expect(clock.waiting).toBe(0);
  });

  it('counts the time that the acquiring statement took', async () => {
    const clock = new ManualClock();
    const store = new SlowStore(clock);
    store.delayMs = 3000;
    const { held, done, finish } = await hold(new StoreLessor(store, { clock }), 5000);
    await clock.advance(3000);
    expect(held.parts).toHaveLength(1);
    await clock.advance(1500);
    expect(held.lease?.signal.aborted).toBe(true);
    finish();
    await done;
  });

  it('gives nothing of a lease that was over when the answer came, and frees it', async () => {
    const clock = new ManualClock();
    const store = new SlowStore(clock);
    store.delayMs = 4600;
    const { held, done, finish } = await hold(new StoreLessor(store, { clock }), 5000);
    await clock.advance(4600);
    expect(held.parts).toEqual([]);
    expect(held.lease?.signal.aborted).toBe(true);
    finish();
    await done;
    store.delayMs = 0;
    await new StoreLessor(store, { clock }).withLease('s', ALL, 5000, async (parts) => expect(parts).toEqual([ALL]));
  });

  it('ends the lease when the wall clock has moved on, though the monotonic one stood still', async () => {
    const clock = new JumpingClock();
    const { held, done, finish } = await hold(new StoreLessor(new MemoryLeaseStore(clock), { clock }), 60_000);
    await clock.advance(1000);
    clock.jumpMs = 3_600_000;
    await clock.advance(250);
    expect(held.lease?.signal.aborted).toBe(true);
    finish();
    await done;
  });

  it('ends the lease by the monotonic clock when the wall clock was set back', async () => {
    const clock = new JumpingClock();
    const { held, done, finish } = await hold(new StoreLessor(new MemoryLeaseStore(clock), { clock }), 5000);
    clock.jumpMs = -3_600_000;
    await clock.advance(4500);
    expect(held.lease?.signal.aborted).toBe(true);
    finish();
    await done;
  });

  it('asks the store for no more than the deadline leaves', async () => {
    const clock = new ManualClock(1_000_000);
    const store = new MemoryLeaseStore(clock);
    const { done, finish } = await hold(new StoreLessor(store, { clock }), 60_000, 1_002_000);
    await clock.advance(0);
    const { freeInMs } = await store.acquire({ section: 's', holder: 'h', desired: [ALL], termMs: 1 });
    expect(freeInMs).toBe(2000);
    finish();
    await done;
  });

  it('tells of a release that failed, and returns what the work returned', async () => {
    const store = new MemoryLeaseStore();
    const failure = new Error('the store is away');
    store.release = () => Promise.reject(failure);
    const errors: unknown[] = [];
    const lessor = new StoreLessor(store, { onError: (error) => errors.push(error) });
    expect(await lessor.withLease('s', ALL, 1000, async () => 7)).toBe(7);
    expect(errors).toEqual([failure]);
  });

  it('reports leases to its observer: how many parts, how long it took, how they ended', async () => {
    const clock = new ManualClock();
    const store = new SlowStore(clock);
    store.delayMs = 40;
    const told: unknown[] = [];
    const observer = {
      acquired: (...args: unknown[]) => void told.push(['acquired', ...args]),
      ended: (...args: unknown[]) => void told.push(['ended', ...args]),
    };
    const lessor = new StoreLessor(store, { clock, observer });
    const { done, finish } = await hold(lessor, 1000);
    await clock.advance(40);
    finish();
    await done;
    const late = await hold(lessor, 1000);
    await clock.advance(1000);
    late.finish();
    await late.done;
    expect(told).toEqual([
      ['acquired', 1, 40],
      ['ended', 1, 'released'],
      ['acquired', 1, 40],
      ['ended', 1, 'lost'],
    ]);
  });

  it('refuses a duration that is none', async () => {
    const lessor = new StoreLessor(new MemoryLeaseStore());
    await expect(lessor.withLease('s', ALL, Number.NaN, async () => 1)).rejects.toThrow('durationMs');
    await expect(lessor.withLease('s', ALL, 0, async () => 1)).rejects.toThrow(RangeError);
  });
});
