import { describe, expect, it } from 'vitest';
import { testDatabases } from '../../../../test/support/databases.js';
import { outboxSuite } from '../../../../test/support/outbox-suite.js';
import { outboxDb } from './outbox-db.js';
import { TypeOrmOutboxStorage } from './typeorm-outbox-storage.js';

const SHARDS = Array.from({ length: 64 }, (_, shard) => shard);
const ROUNDS = 100;

// SQLite has one writer at a time. Taken out to see it fail: `inLockOrder`.
describe.each(testDatabases().filter(([name]) => name !== 'sqlite'))('Saving positions on %s', (_name, open) => {
  const suite = outboxSuite(open);

  it('does not deadlock with settling, which has the same rows locked meanwhile', async () => {
    const storage = new TypeOrmOutboxStorage(outboxDb(suite.database.dataSource));
    const opened = await storage.claim(SHARDS);
    // As they are when some shards have come later than others.
    const asTheyCame = [...opened.slice(32), ...opened.slice(0, 32)];
    for (let round = 1; round <= ROUNDS; round += 1) {
      const settling = [0, 1].map(() => storage.settle(opened.map((claim) => ({ claim, ids: [1n] }))));
      const saving = storage.savePositions(asTheyCame.map((claim) => ({ ...claim, position: BigInt(round) })));
      expect(await Promise.all([...settling, saving])).toEqual([1, 2, 3].map(() => ({ fenced: [] })));
    }
  });
});
