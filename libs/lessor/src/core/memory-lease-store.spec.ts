import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, it } from 'vitest';
import { leaseStoreContract } from '../testing/lease-store-contract.js';
import { lessorContract } from '../testing/lessor-contract.js';
import { StoreLessor } from './lessor.js';
import { MemoryLeaseStore } from './memory-lease-store.js';

describe('MemoryLeaseStore', () => {
  for (const [rule, check] of leaseStoreContract) {
    it(rule, () => {
      const clock = new ManualClock();
      const store = new MemoryLeaseStore(clock);
      return check({ store, other: store, pass: (ms) => clock.advance(ms) });
    });
  }
});

describe('StoreLessor in memory', () => {
  for (const [rule, check] of lessorContract) {
    it(rule, () => {
      const store = new MemoryLeaseStore();
      return check(new StoreLessor(store), new StoreLessor(store));
    });
  }
});
