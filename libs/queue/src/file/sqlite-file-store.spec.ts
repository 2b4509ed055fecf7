import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from 'nestjs-turnpike/timing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { batchStoreContract } from '../testing/index.js';
import { SqliteFileStore } from './sqlite-file-store.js';

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
});
