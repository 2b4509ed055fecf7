import { dialectOf, execute, type Executor } from 'nestjs-turnpike/dialect';
import type { DataSource, EntityManager } from 'typeorm';
import { orderKey, type ParkedEntry } from '../core/message.js';
import type { ClaimedShard, DueEntries, HeldKey, ParkedOutcome, Retry } from '../core/outbox-storage.js';
import { entryColumns, toParkedEntry, type EntryRow } from './columns.js';
import { fenced } from './fence.js';
import { TABLES } from './tables.js';

/*
 * A parked row is a head or waits behind one. A head has a due time, `available_at`: the first of its key in id order, or
 * an entry without a key. What waits behind a head has none. Every change below keeps exactly one head per key.
 */

/** Moves entries from the flow to the parked table. False: fenced, and nothing was moved. */
export function park(
  dataSource: DataSource,
  claim: ClaimedShard,
  failed: readonly Retry[],
  behind: readonly bigint[],
): Promise<boolean> {
  return fenced(dataSource, [claim], async (tx, held) => {
    if (!held.has(claim.shard)) return false;
    for (const retry of failed) await move(tx, claim.shard, [retry.entry.id], retry);
    if (behind.length > 0) await move(tx, claim.shard, behind, undefined);
    return true;
  });
}

async function move(tx: EntityManager, shard: number, ids: readonly bigint[], retry: Retry | undefined): Promise<void> {
  const dialect = dialectOf(tx.dataSource);
  const columns = entryColumns(dialect);
  const p = dialect.parameters();
  const state = retry
    ? `${p.add(retry.entry.attempts)}, ${dialect.nowMs} + ${p.add(Math.ceil(retry.delayMs))}, ${p.add(retry.error)}`
    : '0, null, null';
  await execute(
    tx,
    `insert into ${TABLES.parked} (${columns}, attempts, available_at, last_error)
     select ${columns}, ${state} from ${TABLES.entry} where shard = ${p.add(shard)} and ${p.oneOf('id', ids, 'bigint')}`,
    p.values,
  );
  const d = dialect.parameters();
  const where = `shard = ${d.add(shard)} and ${d.oneOf('id', ids, 'bigint')}`;
  await execute(tx, `delete from ${TABLES.entry} where ${where}`, d.values);
}

/** Heads whose time has come. The index on (shard, available_at) leaves out what waits behind them. */
export async function dueEntries(
  dataSource: DataSource,
  shards: readonly number[],
  limit: number,
): Promise<DueEntries> {
  const dialect = dialectOf(dataSource);
  const n = dialect.parameters();
  const next = await execute<{ in_ms: string | number | null }>(
    dataSource,
    `select min(available_at) - ${dialect.nowMs} as in_ms from ${TABLES.parked}
     where ${n.oneOf('shard', shards, 'integer')} and available_at is not null`,
    n.values,
  );
  const inMs = next.rows[0]?.in_ms ?? null;
  if (inMs === null || Number(inMs) > 0) return { due: [], nextInMs: inMs === null ? undefined : Number(inMs) };

  const p = dialect.parameters();
  const due = await select(
    dataSource,
    `where ${p.oneOf('shard', shards, 'integer')} and available_at <= ${dialect.nowMs} order by available_at limit ${limit}`,
    p.values,
  );
  return { due, nextInMs: 0 };
}

/** The parked entries of the head's key, in id order. */
export function parkedOf(dataSource: DataSource, head: ParkedEntry, limit: number): Promise<ParkedEntry[]> {
  const dialect = dialectOf(dataSource);
  const p = dialect.parameters();
  const where = `where shard = ${p.add(head.shard)} and namespace = ${p.add(head.namespace)} and ${dialect.quote('key')} = ${p.add(head.key)}`;
  return select(dataSource, `${where} order by id limit ${limit}`, p.values);
}

/** The heads of all keys of these shards. */
export async function heldKeys(dataSource: DataSource, shards: readonly number[]): Promise<HeldKey[]> {
  const dialect = dialectOf(dataSource);
  const p = dialect.parameters();
  const heads = await select(
    dataSource,
    `where ${p.oneOf('shard', shards, 'integer')} and available_at is not null and ${dialect.quote('key')} is not null`,
    p.values,
  );
  return heads.map((head) => ({ shard: head.shard, orderKey: orderKey(head) ?? '', headId: head.id }));
}

/** See `OutboxStorage.settleParked`. `undefined`: fenced. */
export function settleParked(
  dataSource: DataSource,
  { claim, namespace, key, sent, retry }: ParkedOutcome,
): Promise<{ head: bigint | undefined } | undefined> {
  return fenced(dataSource, [claim], async (tx, held) => {
    if (!held.has(claim.shard)) return undefined;
    if (sent.length > 0) await remove(tx, claim.shard, sent);
    if (retry) await putOff(tx, claim.shard, retry);
    if (key === null) return { head: undefined };
    const head = await firstOf(tx, claim.shard, namespace, key);
    if (head !== undefined && head !== retry?.entry.id) await makeDue(tx, claim.shard, head);
    return { head };
  });
}

async function remove(tx: EntityManager, shard: number, ids: readonly bigint[]): Promise<void> {
  const p = dialectOf(tx.dataSource).parameters();
  const where = `shard = ${p.add(shard)} and ${p.oneOf('id', ids, 'bigint')}`;
  await execute(tx, `delete from ${TABLES.parked} where ${where}`, p.values);
}

async function putOff(tx: EntityManager, shard: number, { entry, error, delayMs }: Retry): Promise<void> {
  const { nowMs, parameters } = dialectOf(tx.dataSource);
  const p = parameters();
  await execute(
    tx,
    `update ${TABLES.parked} set attempts = ${p.add(entry.attempts)}, last_error = ${p.add(error)},
       available_at = ${nowMs} + ${p.add(Math.ceil(delayMs))}
     where shard = ${p.add(shard)} and id = ${p.add(entry.id)}`,
    p.values,
  );
}

async function firstOf(tx: EntityManager, shard: number, namespace: string, key: string): Promise<bigint | undefined> {
  const { parameters, quote } = dialectOf(tx.dataSource);
  const p = parameters();
  const where = `shard = ${p.add(shard)} and namespace = ${p.add(namespace)} and ${quote('key')} = ${p.add(key)}`;
  const { rows } = await execute<{ id: string | number }>(
    tx,
    `select id from ${TABLES.parked} where ${where} order by id limit 1`,
    p.values,
  );
  return rows[0] && BigInt(rows[0].id);
}

async function makeDue(tx: EntityManager, shard: number, id: bigint): Promise<void> {
  const { nowMs, parameters } = dialectOf(tx.dataSource);
  const p = parameters();
  const where = `shard = ${p.add(shard)} and id = ${p.add(id)}`;
  await execute(tx, `update ${TABLES.parked} set available_at = ${nowMs} where ${where}`, p.values);
}

async function select(
  executor: Executor & DataSource,
  rest: string,
  values: readonly unknown[],
): Promise<ParkedEntry[]> {
  const { rows } = await execute<EntryRow & { attempts: number }>(
    executor,
    `select ${entryColumns(dialectOf(executor))}, attempts from ${TABLES.parked} ${rest}`,
    values,
  );
  return rows.map(toParkedEntry);
}
