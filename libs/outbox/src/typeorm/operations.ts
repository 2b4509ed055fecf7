import { execute, type Parameters } from 'nestjs-turnpike/dialect';
import { orderKey, type OrderKey } from '../core/message.js';
import type { DeadLetter, DeadLetterFilter, HeldKeyInfo, OutboxOperations, Pause } from '../core/outbox-operations.js';
import { entryColumns, toHistory, toStoredEntry, type EntryRow } from './columns.js';
import type { OutboxDb } from './outbox-db.js';
import { pause, pauses, resume } from './pauses.js';
import { ofKey } from './waiting-entries.js';

interface DeadRow extends EntryRow {
  readonly attempts: number;
  readonly history: string | null;
  readonly dead_at: string | number;
  readonly holds: number;
  readonly requested: DeadLetter['requested'];
}

interface HeadRow {
  readonly shard: number;
  readonly id: string | number;
  readonly namespace: string;
  readonly destination: string;
  readonly key: string;
  readonly due_in: string | number | null;
  readonly attempts: number;
  readonly history: string | null;
}

/** Reads and marks what waits; moves nothing: only the owner of a shard does. */
export class TypeOrmOutboxOperations implements OutboxOperations {
  constructor(private readonly db: OutboxDb) {}

  async deadLetters(filter: DeadLetterFilter, limit: number, before?: bigint): Promise<DeadLetter[]> {
    const { dataSource, dialect, tables } = this.db;
    const p = dialect.parameters();
    const where = [...this.conditions(p, filter), ...(before === undefined ? [] : [`id < ${p.add(before)}`])];
    const { rows } = await execute<DeadRow>(
      dataSource,
      `select ${entryColumns(dialect)}, attempts, history, dead_at, holds, requested from ${tables.deadLetter}
       where ${where.join(' and ')} order by id desc limit ${Math.trunc(limit)}`,
      p.values,
    );
    return rows.map((row) => ({
      ...toStoredEntry(row),
      deadAtMs: Number(row.dead_at),
      attempts: row.attempts,
      history: toHistory(row.history),
      holds: row.holds === 1,
      requested: row.requested,
    }));
  }

  async request(kind: 'requeue' | 'purge', filter: DeadLetterFilter) {
    const { dataSource, dialect, tables } = this.db;
    const s = dialect.parameters();
    const { rows } = await execute<{ shard: number; count: string | number }>(
      dataSource,
      `select shard, count(*) as count from ${tables.deadLetter} where ${this.conditions(s, filter).join(' and ')} group by shard`,
      s.values,
    );
    const p = dialect.parameters();
    const set = `requested = ${p.add(kind)}`;
    await execute(
      dataSource,
      `update ${tables.deadLetter} set ${set} where ${this.conditions(p, filter).join(' and ')}`,
      p.values,
    );
    return { count: rows.reduce((sum, row) => sum + Number(row.count), 0), shards: rows.map(({ shard }) => shard) };
  }

  async listHeldKeys(limit: number): Promise<HeldKeyInfo[]> {
    const { dataSource, dialect, tables } = this.db;
    const key = dialect.quote('key');
    const most = Math.trunc(limit);
    const heads = (table: string, dueIn: string, condition: string): string =>
      `select * from (select shard, id, namespace, destination, ${key}, ${dueIn} as due_in, attempts, history from ${table}
       where ${condition} and ${key} is not null order by id limit ${most}) h${table}`;
    const { rows } = await execute<HeadRow>(
      dataSource,
      `${heads(tables.deadLetter, 'cast(null as decimal)', 'holds = 1')} union all
       ${heads(tables.parked, `available_at - ${dialect.nowMs}`, 'available_at is not null and id > 0')}`,
    );
    const held = new Map<string, HeldKeyInfo>();
    for (const row of rows) {
      const id = orderKey(row) ?? '';
      if (!held.has(id)) held.set(id, toHeldKey(row));
    }
    return [...held.values()].slice(0, most);
  }

  async release(key: OrderKey): Promise<{ readonly shards: readonly number[] }> {
    const { dataSource, dialect, tables } = this.db;
    const shards = new Set<number>();
    for (const [table, holding] of [
      [tables.deadLetter, 'holds = 1'],
      [tables.parked, 'available_at is not null and id > 0'],
    ] as const) {
      const s = dialect.parameters();
      const { rows } = await execute<{ shard: number; id: string | number }>(
        dataSource,
        `select shard, id from ${table} where namespace = ${s.add(key.namespace)} and destination = ${s.add(key.destination)}
           and ${dialect.quote('key')} = ${s.add(key.key)} and ${holding} order by id limit 1`,
        s.values,
      );
      for (const { shard, id } of rows) {
        const p = dialect.parameters();
        const set = `requested = 'release' where ${ofKey(p, dialect.quote('key'), { ...key, shard })} and id = ${p.add(id)}`;
        await execute(dataSource, `update ${table} set ${set}`, p.values);
        shards.add(shard);
      }
      if (shards.size > 0) break; // a dead letter holds the key: what is parked is behind it
    }
    return { shards: [...shards] };
  }

  /** Only marked rows are in the index on (requested, shard) that each count walks. */
  async outstanding(): Promise<number> {
    const { dataSource, tables } = this.db;
    const marked = (table: string): string =>
      `(select count(*) from ${table} where requested in ('requeue', 'purge', 'release'))`;
    const { rows } = await execute<{ outstanding: string | number }>(
      dataSource,
      `select ${marked(tables.parked)} + ${marked(tables.deadLetter)} as outstanding`,
    );
    return Number(rows[0]?.outstanding ?? 0);
  }

  pause(destination?: string): Promise<void> {
    return pause(this.db, destination);
  }

  resume(destination?: string): Promise<boolean> {
    return resume(this.db, destination);
  }

  pauses(): Promise<Pause[]> {
    return pauses(this.db);
  }

  private conditions(p: Parameters, { ids, topic, key, destination, namespace }: DeadLetterFilter): string[] {
    const { quote } = this.db.dialect;
    const equal = Object.entries({ topic, key, destination, namespace }).flatMap(([column, value]) =>
      value === undefined ? [] : [`${quote(column)} = ${p.add(value)}`],
    );
    return ['1 = 1', ...(ids ? [p.oneOf('id', ids, 'bigint')] : []), ...equal];
  }
}

function toHeldKey({ shard, id, namespace, destination, key, due_in, attempts, ...row }: HeadRow): HeldKeyInfo {
  const history = toHistory(row.history);
  return {
    shard,
    headId: BigInt(id),
    namespace,
    destination,
    key,
    waitsFor: due_in === null ? 'dead letter' : 'retry',
    dueInMs: due_in === null ? undefined : Math.max(0, Number(due_in)),
    attempts,
    lastError: history.at(-1)?.error,
    sinceMs: history[0]?.atMs,
  };
}
