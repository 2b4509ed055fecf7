import { dialectOf, execute, type Dialect } from 'nestjs-turnpike/dialect';
import type { QueryRunner } from 'typeorm';
import type { NewEntry } from '../core/message.js';
import { messageValues, newEntryColumns } from './columns.js';
import { TABLES } from './tables.js';

/**
 * Writes a transaction's entries, right before its COMMIT.
 *
 * Takes each of their shards exclusively until the COMMIT, in one order so that two transactions cannot deadlock, and only
 * then draws ids: so ids are in commit order per shard, and a reader may go on from the last one it saw. Without the lock,
 * a transaction that drew a low id and commits late would be passed over for ever.
 */
export async function writeEntries(runner: QueryRunner, entries: readonly NewEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const dialect = dialectOf(runner.dataSource);
  if (dialect.kind === 'postgres') return writeOnPostgres(runner, entries);
  // SQLite has one writer at a time: its transaction is the lock.
  if (dialect.kind === 'mysql') await lockShards(runner, dialect, entries);
  for (let from = 0; from < entries.length; from += ROWS_PER_STATEMENT) {
    await insert(runner, dialect, entries.slice(from, from + ROWS_PER_STATEMENT));
  }
}

/** SQLite allows 32,766 parameters a statement; a row takes 8. */
const ROWS_PER_STATEMENT = 1000;

/** The class of our advisory locks; the other half of a lock's name is the shard. Any number will do, for ever the same. */
const LOCK_CLASS = 1_953_850_987;

/**
 * Rejected: locks joined to the rows (a join drops rows), `exists(select from locks)` (takes only the first lock), a CTE
 * that nothing refers to (never runs), and one INSERT per message (two transactions then deadlock).
 */
const INSERT_ON_POSTGRES = `
  with locks as materialized (
    select pg_advisory_xact_lock(${LOCK_CLASS}, shard) from unnest($1::int[]) as shard
  )
  insert into ${TABLES.entry} (shard, message_id, namespace, topic, "key", payload, content_type, headers, created_at)
  select shard, message_id, namespace, topic, "key", payload, content_type, headers,
         (extract(epoch from clock_timestamp()) * 1000)::bigint
  from unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::text[], $9::text[])
    with ordinality as e(shard, message_id, namespace, topic, "key", payload, content_type, headers, place)
  where (select count(*) from locks) >= 0
  order by place`;

async function writeOnPostgres(runner: QueryRunner, entries: readonly NewEntry[]): Promise<void> {
  // A deferred constraint is checked at COMMIT, when we hold our locks, and may wait for one who waits for them.
  await execute(runner, 'set constraints all immediate');
  const rows = entries.map(messageValues);
  const columns = [...Array(rows[0]?.length ?? 0).keys()].map((column) => rows.map((row) => row[column]));
  await execute(runner, INSERT_ON_POSTGRES, [shardsOf(entries), ...columns]);
}

/** By the primary key, and so in its order: InnoDB locks rows as it reads them. */
async function lockShards(runner: QueryRunner, dialect: Dialect, entries: readonly NewEntry[]): Promise<void> {
  const p = dialect.parameters();
  const statement = `select shard from ${TABLES.shard} where ${p.oneOf('shard', shardsOf(entries), 'integer')} order by shard`;
  await execute(runner, `${statement} for update`, p.values);
}

async function insert(runner: QueryRunner, dialect: Dialect, entries: readonly NewEntry[]): Promise<void> {
  const p = dialect.parameters();
  const rows = entries.map(
    (entry) =>
      `(${messageValues(entry)
        .map((value) => p.add(value))
        .join(', ')}, ${dialect.nowMs})`,
  );
  const columns = newEntryColumns(dialect);
  await execute(runner, `insert into ${TABLES.entry} (${columns}) values ${rows.join(', ')}`, p.values);
}

function shardsOf(entries: readonly NewEntry[]): number[] {
  return [...new Set(entries.map(({ shard }) => shard))].toSorted((a, b) => a - b);
}
