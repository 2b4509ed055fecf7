import { describe, expect, it } from 'vitest';
import { MemoryOutboxStorage } from './memory-outbox-storage.js';
import { outboxStorageContract } from './outbox-storage-contract.js';

describe('MemoryOutboxStorage', () => {
  it.each(outboxStorageContract)('%s', async (_rule, check) => {
    const storage = new MemoryOutboxStorage();
    const commit: Parameters<typeof check>[0]['commit'] = async (...entries) => {
      const tx = storage.begin();
      await storage.publish(tx, entries);
      tx.commit();
    };
    const checked = check({ storage, operations: storage, commit });
    await expect(checked).resolves.toBeUndefined();
  });
});
