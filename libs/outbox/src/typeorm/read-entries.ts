import { dialectOf, execute, type Dialect } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import type { StoredEntry } from '../core/message.js';
import { entryColumns, toStoredEntry, type EntryRow } from './columns.js';
import { TABLES } from './tables.js';

type From = readonly { readonly shard: number; readonly after: bigint }[];

/**
 * The next entries of each shard: one statement, a walk of (shard, id) from the last id per shard. LATERAL with a LIMIT
 * keeps it that walk also under a generic plan made when the table was empty, which would otherwise sort it all.
 */
export async function readEntries(dataSource: DataSource, from: From, limit: number): Promise<StoredEntry[]> {
  const dialect = dialectOf(dataSource);
  const { rows } = await (dialect.kind === 'postgres'
    ? readOnPostgres(dataSource, dialect, from, limit)
    : readShardByShard(dataSource, dialect, from, limit));
  return rows.map(toStoredEntry).toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function readOnPostgres(dataSource: DataSource, dialect: Dialect, from: From, limit: number) {
  return execute<EntryRow>(
    dataSource,
    `select e.* from unnest($1::int[], $2::bigint[]) as f(shard, after) cross join lateral (
       select ${entryColumns(dialect)} from ${TABLES.entry}
       where shard = f.shard and id > f.after order by id limit $3
     ) e`,
    [from.map(({ shard }) => shard), from.map(({ after }) => after), limit],
  );
}

/** The others have no LATERAL (MariaDB) or no arrays: the same walks, side by side in a union. */
function readShardByShard(dataSource: DataSource, dialect: Dialect, from: From, limit: number) {
  const p = dialect.parameters();
  const walks = from.map(
    ({ shard, after }) =>
      `select * from (select ${entryColumns(dialect)} from ${TABLES.entry} ` +
      `where shard = ${p.add(shard)} and id > ${p.add(after)} order by id limit ${limit}) s${shard}`,
  );
  return execute<EntryRow>(dataSource, walks.join(' union all '), p.values);
}
