import { SystemClock } from 'nestjs-turnpike/timing';
import { describe, expect, it } from 'vitest';
import { batchStoreContract, MemoryBatchStore } from '../testing/index.js';

describe('BatchStore in memory', () => {
  it.each(batchStoreContract)('%s', async (_rule, check) => {
    const open = async () => {
      const store = new MemoryBatchStore('contract', new SystemClock());
      return [store, store] as const;
    };
    await expect(check(open)).resolves.toBeUndefined();
  });
});
