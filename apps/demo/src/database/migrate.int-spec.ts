import type { MigrationInterface } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testDatabases, type TestDatabase } from '../../../../test/support/databases.js';
import { databaseOptions } from './database.js';
import { openMigrated } from './migrate.js';

/** The number says when it was made. */
class Failing1763000000000 implements MigrationInterface {
  up(): Promise<void> {
    return Promise.reject(new Error('no way up'));
  }
  async down(): Promise<void> {}
}

describe.each(testDatabases())('The migrations of the demo on %s', (name, open) => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await open();
  });
  afterEach(() => database.close());

  it('run once when processes start together', async () => {
    // Of a SQLite file, one process is the first.
    const processes = Array.from({ length: name === 'sqlite' ? 1 : 3 }, () =>
      openMigrated(databaseOptions(database.url)),
    );
    for (const dataSource of await Promise.all(processes)) {
      expect(await dataSource.showMigrations()).toBe(false);
      await dataSource.destroy();
    }
  });

  it('can be undone, each of them', async () => {
    const dataSource = await openMigrated(databaseOptions(database.url));
    for (const _ of dataSource.migrations) await dataSource.undoLastMigration();
    expect(await dataSource.showMigrations()).toBe(true);
    await dataSource.runMigrations();
    expect(await dataSource.showMigrations()).toBe(false);
    await dataSource.destroy();
  });

  it('give the lock back when one fails', async () => {
    await expect(
      openMigrated({ ...databaseOptions(database.url), migrations: [Failing1763000000000] }),
    ).rejects.toThrow('no way up');
    await (await openMigrated(databaseOptions(database.url))).destroy();
  });
});
