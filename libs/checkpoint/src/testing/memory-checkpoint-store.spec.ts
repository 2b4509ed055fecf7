import { describe, expect, it } from 'vitest';
import { checkpointStoreContract, MemoryCheckpointStore } from './index.js';

describe('CheckpointStore in memory', () => {
  it.each(checkpointStoreContract)('%s', async (_rule, check) => {
    const store = new MemoryCheckpointStore();
    await expect(check(store, store)).resolves.toBeUndefined();
  });
});
