import { execute } from 'nestjs-turnpike/dialect';
import type { Backlog } from '../core/outbox-storage.js';
import type { OutboxDb } from './outbox-db.js';
import { walks } from './walks.js';

/** Counting goes no further: it would take longer than anybody wants to wait for a gauge. */
const COUNTED_AT_MOST = 100_000;

interface Row {
  readonly pending: string | number;
  readonly parked: string | number;
  readonly dead_letters: string | number;
  readonly oldest_age: string | number | null;
}

export async function backlogOf(db: OutboxDb, shards: readonly number[]): Promise<Backlog> {
  if (shards.length === 0) return { pending: 0, parked: 0, deadLetters: 0, oldestAgeMs: 0 };
  const { dataSource, dialect, tables } = db;
  const p = dialect.parameters();
  const counted = (table: string): string =>
    `(select count(*) from (select 1 as one from ${table} where ${p.oneOf('shard', shards, 'integer')} limit ${COUNTED_AT_MOST}) c)`;
  const counts = `${counted(tables.entry)} as pending, ${counted(tables.parked)} as parked, ${counted(tables.deadLetter)} as dead_letters`;
  const firsts = walks(
    db,
    p,
    shards.map((shard) => ({ shard })),
    { shard: 'int' },
    (value) => `select created_at from ${tables.entry} where shard = ${value('shard')} order by id limit 1`,
  );
  const { rows } = await execute<Row>(
    dataSource,
    `select ${counts}, (select ${dialect.nowMs} - min(created_at) from (${firsts}) f) as oldest_age`,
    p.values,
  );
  const [row] = rows;
  return {
    pending: Number(row?.pending ?? 0),
    parked: Number(row?.parked ?? 0),
    deadLetters: Number(row?.dead_letters ?? 0),
    oldestAgeMs: Math.max(0, Number(row?.oldest_age ?? 0)),
  };
}
