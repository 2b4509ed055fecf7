import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { leaseStoreContract } from '../testing/lease-store-contract.js';
import { lessorContract } from '../testing/lessor-contract.js';
import { StoreLessor } from './lessor.js';
import { MemoryLeaseStore } from './memory-lease-store.js';

describe('LeaseStore in memory', () => {
  it.each(leaseStoreContract)('%s', async (_rule, check) => {
    const clock = new ManualClock();
    const store = new MemoryLeaseStore(clock);
    await expect(check({ store, other: store, pass: (ms) => clock.advance(ms) })).resolves.toBeUndefined();
  });

  it.each(lessorContract)('with a lessor: %s', async (_rule, check) => {
    const store = new MemoryLeaseStore();
    await expect(check(new StoreLessor(store), new StoreLessor(store))).resolves.toBeUndefined();
  });
});
