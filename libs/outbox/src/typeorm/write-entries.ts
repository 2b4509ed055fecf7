import { randomInt } from 'node:crypto';
import { execute, type Parameters } from 'nestjs-turnpike/dialect';
import { QueryFailedError, type QueryRunner } from 'typeorm';
import type { Due, NewEntry } from '../core/message.js';
import { PublishLockTimeoutError } from '../outbox.errors.js';
import { messageValues, newEntryColumns } from './columns.js';
import type { OutboxDb } from './outbox-db.js';
import { callOfWriteFunction } from './write-function.js';

/**
 * Writes a transaction's entries, right before its COMMIT.
 *
 * Takes each of their shards exclusively until the COMMIT, in one order so that two transactions cannot deadlock, and only
 * then draws ids: so ids are in commit order per shard, and a reader may go on from the last one it saw. Without the lock,
 * a transaction that drew a low id and commits late would be passed over for ever.
 *
 * Throws `PublishLockTimeoutError` when a shard is not to be had in time. SQLite has one writer at a time, whose
 * transaction is the lock.
 */
export async function writeEntries(db: OutboxDb, runner: QueryRunner, entries: readonly NewEntry[]): Promise<void> {
  const flowing = entries.filter(({ due }) => due === undefined);
  const delayed = entries.filter(({ due }) => due !== undefined);
  // First: it needs no lock, and the time until the COMMIT is what others wait for.
  for (const some of chunks(delayed)) await insertDelayed(db, runner, some);
  if (flowing.length === 0) return;
  try {
    if (db.dialect.kind === 'postgres') return await writeOnPostgres(db, runner, flowing);
    if (db.dialect.kind === 'mysql') await lockShards(db, runner, flowing);
  } catch (error) {
    if (isLockTimeout(error)) throw new PublishLockTimeoutError(db.publishLockTimeoutMs, { cause: error });
    throw error;
  }
  for (const some of chunks(flowing)) await insert(db, runner, some);
}

/** SQLite allows 32,766 parameters a statement; a row takes 12 at most. */
const ROWS_PER_STATEMENT = 1000;
/** Of payload, of which a text takes two for each: MariaDB takes statements of 16 MiB. */
const BYTES_PER_STATEMENT = 4_194_304;

function chunks(entries: readonly NewEntry[]): (readonly NewEntry[])[] {
  const all: NewEntry[][] = [];
  let bytes = 0;
  for (const entry of entries) {
    const chunk = all.at(-1);
    bytes += entry.payload.byteLength;
    if (chunk && chunk.length < ROWS_PER_STATEMENT && bytes <= BYTES_PER_STATEMENT) chunk.push(entry);
    else {
      all.push([entry]);
      bytes = entry.payload.byteLength;
    }
  }
  return all;
}

async function writeOnPostgres(db: OutboxDb, runner: QueryRunner, entries: readonly NewEntry[]): Promise<void> {
  const rows = entries.map(messageValues);
  const columns = (rows[0] ?? []).map((_, column) => rows.map((row) => row[column]));
  await execute(runner, callOfWriteFunction(db.tables), [
    String(db.publishLockTimeoutMs),
    shardsOf(entries),
    ...columns,
  ]);
}

/**
 * By the primary key, and so in its order: InnoDB locks rows as it reads them. The time to wait is the session's, in whole
 * seconds, and is put back: it is the caller's connection.
 */
async function lockShards(db: OutboxDb, runner: QueryRunner, entries: readonly NewEntry[]): Promise<void> {
  const seconds = Math.ceil(db.publishLockTimeoutMs / 1000);
  const p = db.dialect.parameters();
  const shards = p.oneOf('shard', shardsOf(entries), 'integer');
  await execute(runner, `set @turnpike_wait = @@innodb_lock_wait_timeout, innodb_lock_wait_timeout = ${seconds}`);
  try {
    await execute(runner, `select shard from ${db.tables.shard} where ${shards} order by shard for update`, p.values);
  } finally {
    await execute(runner, 'set innodb_lock_wait_timeout = @turnpike_wait');
  }
}

async function insert({ dialect, tables }: OutboxDb, runner: QueryRunner, entries: readonly NewEntry[]): Promise<void> {
  const p = dialect.parameters();
  const rows = entries.map((entry) => `(${values(p, entry)}, ${dialect.nowMs})`);
  const columns = newEntryColumns(dialect);
  await execute(runner, `insert into ${tables.entry} (${columns}) values ${rows.join(', ')}`, p.values);
}

/**
 * Delayed messages wait in the parked table, and go into the flow under an id that they get when they are due. Until then
 * they have one below 0, at random: drawing one in order would need the shard's lock for nothing.
 */
async function insertDelayed({ dialect, tables }: OutboxDb, runner: QueryRunner, entries: readonly NewEntry[]) {
  const p = dialect.parameters();
  const dueAt = (due: Due): string => ('atMs' in due ? p.add(due.atMs) : `${dialect.nowMs} + ${p.add(due.inMs)}`);
  const rows = entries.map(
    (entry) => `(${p.add(delayedId())}, ${values(p, entry)}, ${dialect.nowMs}, 0, ${dueAt(entry.due ?? { inMs: 0 })})`,
  );
  const columns = `id, ${newEntryColumns(dialect)}, attempts, available_at`;
  await execute(runner, `insert into ${tables.parked} (${columns}) values ${rows.join(', ')}`, p.values);
}

/** -1 to -2^52, which every driver keeps exactly. */
export function delayedId(): bigint {
  return -(BigInt(randomInt(2 ** 26)) * 2n ** 26n + BigInt(randomInt(2 ** 26)) + 1n);
}

function values(p: Parameters, entry: NewEntry): string {
  return messageValues(entry)
    .map((value) => p.add(value))
    .join(', ');
}

function shardsOf(entries: readonly NewEntry[]): number[] {
  return [...new Set(entries.map(({ shard }) => shard))].toSorted((a, b) => a - b);
}

/** Postgres: lock_not_available. MySQL and MariaDB: ER_LOCK_WAIT_TIMEOUT. */
function isLockTimeout(error: unknown): boolean {
  if (!(error instanceof QueryFailedError)) return false;
  const { code, errno } = error.driverError as { code?: string; errno?: number };
  return code === '55P03' || errno === 1205;
}
