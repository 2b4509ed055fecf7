import { execute } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import type { StoredEntry } from '../core/message.js';
import type { ReadFrom } from '../core/outbox-storage.js';
import { entryColumns, fromTuple, toStoredEntry, type EntryRow, type EntryTuple } from './columns.js';
import type { OutboxDb } from './outbox-db.js';
import { walks } from './walks.js';

/** The next entries of each shard: a walk of (shard, id) from the last id, per shard. */
export async function readEntries(db: OutboxDb, from: readonly ReadFrom[]): Promise<StoredEntry[]> {
  const { statement, values } = readStatement(db, from);
  if (db.dialect.kind === 'postgres') return (await tuples(db.dataSource, statement, values)).map(fromTuple);
  const { rows } = await execute<EntryRow>(db.dataSource, statement, values);
  return rows.map(toStoredEntry);
}

/** What we use of pg's Client. */
interface PgClient {
  query(config: { text: string; values: unknown[]; rowMode: 'array' }): Promise<{ rows: EntryTuple[] }>;
}

/** Rows as arrays, by the driver itself: making objects of them by way of TypeORM took a third of the time of reading. */
async function tuples(dataSource: DataSource, text: string, values: unknown[]): Promise<EntryTuple[]> {
  const runner = dataSource.createQueryRunner();
  try {
    const client = (await runner.connect()) as PgClient;
    dataSource.logger.logQuery(text, values, runner);
    return (await client.query({ text, values, rowMode: 'array' })).rows;
  } finally {
    await runner.release();
  }
}

export function readStatement(db: OutboxDb, from: readonly ReadFrom[]): { statement: string; values: unknown[] } {
  const p = db.dialect.parameters();
  const statement = walks(
    db,
    p,
    from,
    { shard: 'int', after: 'bigint', limit: 'int' },
    (value) =>
      `select ${entryColumns(db.dialect)} from ${db.tables.entry}
       where shard = ${value('shard')} and id > ${value('after')} order by id limit ${value('limit')}`,
  );
  return { statement, values: p.values };
}

/** How many entries the second look brings back from each shard at a time: there should be none. */
const BELOW_AT_ONCE = 100;

export async function readEntriesBelow(
  db: OutboxDb,
  positions: readonly { readonly shard: number; readonly position: bigint }[],
): Promise<StoredEntry[]> {
  if (positions.length === 0) return [];
  const p = db.dialect.parameters();
  const statement = walks(
    db,
    p,
    positions,
    { shard: 'int', position: 'bigint' },
    (value) =>
      `select ${entryColumns(db.dialect)} from ${db.tables.entry}
       where shard = ${value('shard')} and id <= ${value('position')} order by id limit ${BELOW_AT_ONCE}`,
  );
  const { rows } = await execute<EntryRow>(db.dataSource, statement, p.values);
  return rows.map(toStoredEntry);
}
