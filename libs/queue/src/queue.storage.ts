import { type BatchStore } from './core/batch-store.js';
import { MemoryBatchStore } from './core/memory-batch-store.js';
import { SqliteFileStore } from './file/sqlite-file-store.js';
import { type ResolvedQueueOptions } from './queue.options.js';
import { TypeOrmBatchStore } from './typeorm/typeorm-batch-store.js';

/** The store that the options name; in memory when they name none. Nothing is opened yet. */
export function storeOf<Item>(options: ResolvedQueueOptions<Item>): BatchStore {
  const { name, file, dataSource, tablePrefix, store, clock } = options;
  if (store) return store;
  if (file) return new SqliteFileStore({ queue: name, file, clock });
  if (dataSource) return new TypeOrmBatchStore({ queue: name, dataSource, tablePrefix });
  return new MemoryBatchStore(name, clock);
}
