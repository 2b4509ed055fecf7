import { describe, expect, it } from 'vitest';
import { testDatabases } from '../../../../test/support/databases.js';
import { contend } from '../testing/contention.js';
import { lessorMigrations } from './migrations.js';
import { TypeOrmLeaseStore } from './typeorm-lease-store.js';

describe.each(testDatabases())('Leases under contention on %s', (name, open) => {
  it('has no key in two leases at any time, and no call fails, with 16 requesters for 2,000 rounds', async () => {
    const db = await open({ migrations: [...lessorMigrations] });
    try {
      const sources = name === 'sqlite' ? [db.dataSource] : [db.dataSource, await db.connect()];
      const result = await contend(
        sources.map((source) => new TypeOrmLeaseStore(source)),
        2000,
      );
      expect(result.overlaps).toEqual([]);
      // Both kinds of outcome were put to the test.
      expect(result.granted).toBeGreaterThan(200);
      expect(result.refused).toBeGreaterThan(20);
    } finally {
      await db.close();
    }
  });
});
