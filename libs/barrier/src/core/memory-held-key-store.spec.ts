import { describe, expect, it } from 'vitest';
import { heldKeyStoreContract, MemoryHeldKeyStore } from '../testing/index.js';

describe('HeldKeyStore in memory', () => {
  it.each(heldKeyStoreContract)('%s', async (_rule, check) => {
    const store = new MemoryHeldKeyStore();
    await expect(check(store, store)).resolves.toBeUndefined();
  });
});
