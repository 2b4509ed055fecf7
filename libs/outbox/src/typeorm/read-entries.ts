import { execute } from 'nestjs-turnpike/dialect';
import type { StoredEntry } from '../core/message.js';
import type { ReadFrom } from '../core/outbox-storage.js';
import { entryColumns, toStoredEntry, type EntryRow } from './columns.js';
import { copyEntries } from './copy-entries.js';
import type { OutboxDb } from './outbox-db.js';
import { walks, type Values } from './walks.js';

/** The next entries of each shard: a walk of (shard, id) from the last id, per shard. */
export async function readEntries(db: OutboxDb, from: readonly ReadFrom[]): Promise<StoredEntry[]> {
  if (db.dialect.kind === 'postgres') {
    const copied = await copyEntries(db.dataSource, readStatement(db, from, inlined));
    if (copied) return copied;
  }
  const p = db.dialect.parameters();
  const { rows } = await execute<EntryRow>(db.dataSource, readStatement(db, from, p), p.values);
  return rows.map(toStoredEntry);
}

/** Numbers within the statement itself. */
const inlined: Values = { add: (numbers) => `'{${String(numbers)}}'` };

/**
 * As the last word, how much all walks give together. That changes nothing but what Postgres thinks the statement costs: it
 * takes each walk's limit, which is a value and not a number in the text, for a tenth of the shard. With a million entries it
 * then compiled the statement anew each time (`jit_above_cost`), which took 20 ms of a read of 2.
 */
export function readStatement(db: OutboxDb, from: readonly ReadFrom[], p: Values): string {
  const statement = walks(
    db,
    p,
    from,
    { shard: 'int', after: 'bigint', limit: 'int' },
    (value) =>
      `select ${entryColumns(db.dialect)} from ${db.tables.entry}
       where shard = ${value('shard')} and id > ${value('after')} order by id limit ${value('limit')}`,
  );
  if (db.dialect.kind !== 'postgres') return statement;
  return `${statement} limit ${from.reduce((sum, { limit }) => sum + limit, 0)}`;
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
