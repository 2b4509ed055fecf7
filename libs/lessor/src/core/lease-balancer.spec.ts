import assert from 'node:assert/strict';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LeaseBalancer } from './lease-balancer.js';
import type { LeaseBalancerOptions } from './lease-balancer-options.js';
import { MemoryLeaseStore } from './memory-lease-store.js';
import { Partition } from './partition.js';

const TERM_MS = 9000;
const UNIVERSE = Partition.fromInts(0, 64);

/** A store that can stop answering, or fail, for one of its users. */
class View extends MemoryLeaseStore {
  state: 'up' | 'down' | 'hung' = 'up';

  constructor(private readonly shared: MemoryLeaseStore) {
    super();
    for (const name of ['acquire', 'renew', 'release', 'heartbeat', 'members'] as const) {
      this[name] = ((...args: unknown[]) => this.through(() => (this.shared[name] as Call)(...args))) as never;
    }
  }

  private through(call: () => Promise<unknown>): Promise<unknown> {
    if (this.state === 'up') return call();
    return this.state === 'down' ? Promise.reject(new Error('the store is down')) : new Promise(() => undefined);
  }

  override watch(): () => void {
    return () => undefined;
  }
}
type Call = (...args: unknown[]) => Promise<unknown>;

describe('LeaseBalancer', () => {
  let clock: ManualClock;
  let store: MemoryLeaseStore;
  let members: LeaseBalancer[];
  /** Who works on which part now, as its owner sees it. Two owners of one part fail the test there and then. */
  let owners: Map<string, string>;
  let told: string[];
  let errors: unknown[];

  beforeEach(() => {
    clock = new ManualClock(1_700_000_000_000);
    store = new MemoryLeaseStore(clock);
    members = [];
    owners = new Map();
    told = [];
    errors = [];
  });
  afterEach(async () => {
    const stopped = Promise.all(members.map((member) => member.stop()));
    await clock.advance(TERM_MS);
    await stopped;
    assert.equal(owners.size, 0, 'all was asked back');
    assert.equal(clock.waiting, 0, 'no timer is left');
  });

  function member(name: string, o: Partial<LeaseBalancerOptions> = {}): LeaseBalancer {
    const balancer = new LeaseBalancer({
      store,
      section: 's',
      universe: UNIVERSE,
      memberId: name,
      termMs: TERM_MS,
      clock,
      onAssigned: (parts, { afterExpiry }) => {
        told.push(`${name} +${parts.length}${afterExpiry ? ' after expiry' : ''}`);
        for (const part of parts.map(String)) {
          if (owners.has(part)) throw new Error(`${part} has two owners: ${owners.get(part)} and ${name}`);
          owners.set(part, name);
        }
      },
      onRevoked: async (parts) => {
        told.push(`${name} -${parts.length}`);
        for (const part of parts.map(String)) owners.delete(part);
      },
      onError: (error) => errors.push(error),
      ...o,
    });
    members.push(balancer);
    return balancer;
  }
  const sizes = (): number[] => members.map(({ owned }) => owned.length);

  it('takes the whole universe when it is alone, as parts of one key', async () => {
    const a = member('a');
    await a.pump();
    expect(a.owned.map(String)).toEqual(UNIVERSE.split(64).map(String));
    expect(told).toEqual(['a +64']);
  });

  it('splits a large universe into the shards it is told', async () => {
    const a = member('a', { universe: Partition.universe(16), shards: 10 });
    await a.pump();
    expect(a.owned).toEqual(Partition.universe(16).split(10));
    expect(() => member('b', { universe: Partition.universe(16) })).toThrow('shards must be given');
    expect(() => member('b', { universe: Partition.fromInts(3, 3) })).toThrow('universe');
    expect(() => member('b', { termMs: 0 })).toThrow('termMs');
  });

  it('settles to fair shares within two terms after members came', async () => {
    for (const name of ['a', 'b', 'c']) member(name).start();
    await clock.advance(2 * TERM_MS);
    expect(sizes()).toEqual([22, 21, 21]);
    for (const name of ['d', 'e', 'f', 'g', 'h']) member(name).start();
    await clock.advance(2 * TERM_MS);
    expect(sizes()).toEqual([8, 8, 8, 8, 8, 8, 8, 8]);
    expect(errors).toEqual([]);
  });

  it('leaves members beyond the number of parts without any', async () => {
    const two = Partition.fromInts(0, 2);
    for (const name of ['a', 'b', 'c']) member(name, { universe: two }).start();
    await clock.advance(2 * TERM_MS);
    expect(sizes()).toEqual([1, 1, 0]);
    expect(members[2]?.share).toBe(0);
  });

  it('gives a part away only after its owner has drained it', async () => {
    let drained = (): void => undefined;
    const a = member('a', {
      onRevoked: async (parts) => {
        await new Promise<void>((resolve) => (drained = resolve));
        for (const part of parts.map(String)) owners.delete(part);
      },
    });
    a.start();
    await clock.advance(1000);
    const b = member('b');
    b.start();
    await clock.advance(3 * TERM_MS);
    // It stays leased meanwhile, however long it takes.
    expect(sizes()).toEqual([32, 0]);
    expect([a.starved, b.starved]).toEqual([false, true]);
    expect(UNIVERSE.split(64).filter((part) => a.holds(part))).toHaveLength(64);
    drained();
    await clock.advance(TERM_MS / 3);
    expect(sizes()).toEqual([32, 32]);
    expect(b.starved).toBe(false);
    expect(UNIVERSE.split(64).filter((part) => a.holds(part))).toHaveLength(32);
    void a.stop();
    await clock.advance(0);
    drained();
  });

  it('leaves the parts of an owner that cannot say it is done to expire', async () => {
    const failure = new Error('cannot drain');
    const a = member('a', {
      onRevoked: async (parts) => {
        for (const part of parts.map(String)) owners.delete(part);
        throw failure;
      },
    });
    await a.pump();
    const stopped = a.stop();
    await clock.advance(0);
    await stopped;
    expect(errors).toEqual([failure]);
    const b = member('b');
    b.start();
    await clock.advance(TERM_MS - 1);
    expect(b.owned).toHaveLength(0);
    await clock.advance(10);
    expect(told.at(-1)).toBe('b +64 after expiry');
  });

  it('takes over from a dead member within its term, and says that the leases expired', async () => {
    const view = new View(store);
    const dying = member('a', { store: view });
    dying.start();
    member('b').start();
    await clock.advance(2 * TERM_MS);
    expect(sizes()).toEqual([32, 32]);
    view.state = 'hung';
    await clock.advance(TERM_MS + 20);
    expect(members[1]?.owned).toHaveLength(64);
    expect(told).toContain('b +32 after expiry');
    expect(dying.owned).toEqual([]);
    view.state = 'up';
    await clock.advance(2 * TERM_MS);
    expect(sizes()).toEqual([32, 32]);
  });

  it('tells of an owner that fails to take parts, and keeps them', async () => {
    const failure = new Error('not now');
    const a = member('a', {
      onAssigned: () => {
        throw failure;
      },
    });
    await a.pump();
    expect(errors).toEqual([failure]);
    expect(a.owned).toHaveLength(64);
  });

  it('hands over at once when it stops', async () => {
    for (const name of ['a', 'b']) member(name).start();
    await clock.advance(2 * TERM_MS);
    const stopped = members[0]?.stop();
    await clock.advance(1);
    await stopped;
    expect(sizes()).toEqual([0, 64]);
    expect(told).not.toContain(expect.stringContaining('after expiry'));
  });

  it.each(['down', 'hung'] as const)(
    'revokes when its leases end while the store is %s, and goes on when it is back',
    async (state) => {
      const view = new View(store);
      const a = member('a', { store: view });
      a.start();
      await clock.advance(1000);
      const [part] = a.owned;
      expect(a.leaseUntilMs(part!)).toBe(1_700_000_000_000 + 0.9 * TERM_MS);
      view.state = state;
      await clock.advance(0.9 * TERM_MS - 1001);
      expect(a.holds(part!)).toBe(true);
      await clock.advance(1);
      expect(a.holds(part!)).toBe(false);
      expect(a.leaseUntilMs(part!)).toBeUndefined();
      expect(a.owned).toEqual([]);
      expect(told).toEqual(['a +64', 'a -64']);
      await clock.advance(TERM_MS);
      expect(errors.length).toBeGreaterThan(0);
      view.state = 'up';
      await clock.advance(TERM_MS);
      expect(a.owned).toHaveLength(64);
    },
  );

  it('tolerates start and stop called twice or never, and starts again', async () => {
    const a = member('a');
    await a.stop();
    expect(await store.members('s')).toEqual([]);
    a.start();
    a.start();
    await clock.advance(1000);
    const stops = Promise.all([a.stop(), a.stop()]);
    await clock.advance(1000);
    await stops;
    expect(told).toEqual(['a +64', 'a -64']);
    a.start();
    await clock.advance(1000);
    expect(a.owned).toHaveLength(64);
  });

  it('does not assign what the store grants after stop was called', async () => {
    const a = member('a');
    const acquire = store.acquire.bind(store);
    let stopped: Promise<void> | undefined;
    store.acquire = (request) => {
      stopped ??= a.stop();
      return acquire(request);
    };
    await a.pump();
    await stopped;
    expect(told).toEqual([]);
    await member('b').pump();
    expect(told).toEqual(['b +64']);
  });
});
