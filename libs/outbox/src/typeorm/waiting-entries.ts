import { execute, type Parameters } from 'nestjs-turnpike/dialect';
import type { OrderKey, ParkedEntry } from '../core/message.js';
import type { DueEntries, HeldKey, OperatorRequest } from '../core/outbox-storage.js';
import { parkedColumns, toHistory, toParkedEntry, type ParkedRow } from './columns.js';
import type { OutboxDb } from './outbox-db.js';
import { walks } from './walks.js';

interface KeyRow {
  readonly shard: number;
  readonly id: string | number;
  readonly namespace: string;
  readonly destination: string;
  readonly key: string | null;
}

/**
 * What is due for these destinations: a walk of the index on (shard, destination, available_at) for each of them, which
 * leaves out what waits behind heads, and what is due for destinations that take nothing now. The time is a `select` of its own:
 * Postgres asks its clock anew for each row otherwise, and so looks at all of them.
 */
export async function dueEntries(
  db: OutboxDb,
  shards: readonly number[],
  destinations: readonly string[],
  limit: number,
): Promise<DueEntries> {
  if (shards.length === 0 || destinations.length === 0) return { due: [], nextInMs: undefined };
  const { dataSource, dialect, tables } = db;
  const from = shards.flatMap((shard) => destinations.map((destination) => ({ shard, destination })));
  const p = dialect.parameters();
  const firsts = walks(
    db,
    p,
    from,
    WALK,
    (value) =>
      `select min(available_at) as due_at from ${tables.parked}
       where shard = ${value('shard')} and destination = ${value('destination')}`,
  );
  const next = await execute<{ in_ms: string | number | null }>(
    dataSource,
    `select min(due_at) - ${dialect.nowMs} as in_ms from (${firsts}) f`,
    p.values,
  );
  const inMs = next.rows[0]?.in_ms ?? null;
  if (inMs === null || Number(inMs) > 0) return { due: [], nextInMs: inMs === null ? undefined : Number(inMs) };

  const d = dialect.parameters();
  const due = walks(
    db,
    d,
    from,
    WALK,
    (value) =>
      `select ${parkedColumns(dialect)}, available_at from ${tables.parked}
       where shard = ${value('shard')} and destination = ${value('destination')} and available_at <= (select ${dialect.nowMs})
       order by available_at limit ${limit}`,
  );
  const { rows } = await execute<ParkedRow>(
    dataSource,
    `select * from (${due}) due order by available_at limit ${limit}`,
    d.values,
  );
  return { due: rows.map(toParkedEntry), nextInMs: 0 };
}

const WALK = { shard: 'int', destination: 'text' } as const;

/** The parked entries of each key, in id order. */
export async function parkedOf(
  db: OutboxDb,
  keys: readonly (OrderKey & { readonly shard: number })[],
  limit: number,
): Promise<ParkedEntry[]> {
  if (keys.length === 0) return [];
  const { dialect, tables } = db;
  const p = dialect.parameters();
  const statement = walks(
    db,
    p,
    keys,
    { shard: 'int', namespace: 'text', destination: 'text', key: 'text' },
    (value) =>
      `select ${parkedColumns(dialect)} from ${tables.parked}
       where shard = ${value('shard')} and namespace = ${value('namespace')} and destination = ${value('destination')}
         and ${dialect.quote('key')} = ${value('key')} and id > 0 order by id limit ${limit}`,
  );
  const { rows } = await execute<ParkedRow>(db.dataSource, statement, p.values);
  return rows.map(toParkedEntry);
}

/** The heads of all keys of these shards that wait for a retry, and the dead letters that hold a key. */
export async function heldKeys(db: OutboxDb, shards: readonly number[]): Promise<HeldKey[]> {
  const { dataSource, dialect, tables } = db;
  const key = dialect.quote('key');
  const p = dialect.parameters();
  const { rows } = await execute<KeyRow & { key: string }>(
    dataSource,
    `select shard, id, namespace, destination, ${key} from ${tables.parked}
     where ${p.oneOf('shard', shards, 'integer')} and available_at is not null and ${key} is not null and id > 0
     union all
     select shard, id, namespace, destination, ${key} from ${tables.deadLetter}
     where ${p.oneOf('shard', shards, 'integer')} and holds = 1 and ${key} is not null
     order by id`,
    p.values,
  );
  return rows.map(({ id, ...head }) => ({ ...head, headId: BigInt(id) }));
}

/** Only marked rows are in the index on (requested, shard) that this walks. */
export async function requests(db: OutboxDb, shards: readonly number[], limit: number): Promise<OperatorRequest[]> {
  if (shards.length === 0) return [];
  const { dataSource, dialect, tables } = db;
  const p = dialect.parameters();
  const marked = (table: string, from: 'parked' | 'dead'): string =>
    `select shard, id, namespace, destination, ${dialect.quote('key')}, requested, attempts, history, '${from}' as origin
     from ${table} where requested in ('requeue', 'purge', 'release') and ${p.oneOf('shard', shards, 'integer')}`;
  const { rows } = await execute<
    KeyRow & { requested: OperatorRequest['kind']; attempts: number; history: string | null; origin: 'parked' | 'dead' }
  >(
    dataSource,
    `${marked(tables.parked, 'parked')} union all ${marked(tables.deadLetter, 'dead')} order by id limit ${limit}`,
    p.values,
  );
  return rows.map(({ shard, id, namespace, destination, key, requested, attempts, history, origin }) => ({
    kind: requested,
    from: origin,
    shard,
    id: BigInt(id),
    key: key === null ? undefined : { namespace, destination, key },
    attempts,
    history: toHistory(history),
  }));
}

export function ofKey(
  p: Parameters,
  keyColumn: string,
  { shard, namespace, destination, key }: OrderKey & { readonly shard: number },
): string {
  return `shard = ${p.add(shard)} and namespace = ${p.add(namespace)} and destination = ${p.add(destination)}
    and ${keyColumn} = ${p.add(key)}`;
}
