import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { SystemClock } from 'nestjs-turnpike/timing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { batchStoreContract } from '../testing/index.js';
import { prepareSchema } from './schema.js';
import { SqliteFileStore } from './sqlite-file-store.js';
import { prepareStatements } from './statements.js';

describe('BatchStore in a SQLite file', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'turnpike-queue-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const newStore = (queue = 'contract') =>
    new SqliteFileStore({ queue, file: { path: join(folder, 'queue.sqlite') }, clock: new SystemClock() });

  it.each(batchStoreContract)('%s', async (_rule, check) => {
    const stores = [newStore(), newStore()] as const;
    await expect(check(async () => stores)).resolves.toBeUndefined();
    await Promise.all(stores.map((store) => store.close()));
  });

  it('claims by an index, and so walks over nothing that is claimed or cools down', () => {
    const db = new Database(join(folder, 'queue.sqlite'));
    prepareSchema(db, 'contract');
    const plan = db.prepare<unknown[], { detail: string }>(
      `explain query plan ${prepareStatements(db).available.source}`,
    );
    expect(plan.all(0, 1).map(({ detail }) => detail)).toEqual([
      'SEARCH batch USING INDEX batch_available_at (available_at<?)',
      'SEARCH batch_data USING INTEGER PRIMARY KEY (rowid=?)',
    ]);
    db.close();
  });
});
