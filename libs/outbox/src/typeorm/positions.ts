import { execute } from 'nestjs-turnpike/dialect';
import type { OpenedShard } from '../core/outbox-storage.js';
import type { OutboxDb } from './outbox-db.js';
import { STREAM } from './tables.js';

/** Saves how far the shards are settled, in one transaction. Gives the shards that were fenced. */
export async function savePositions(db: OutboxDb, positions: readonly OpenedShard[]): Promise<number[]> {
  const sorted = inLockOrder(positions);
  const held = await (db.dialect.kind === 'postgres' ? saveOnPostgres(db, sorted) : saveOneByOne(db, sorted));
  return positions.map(({ shard }) => shard).filter((shard) => !held.has(shard));
}

/** By the text of their partition, in which order settling locks these rows: in another one, the two would deadlock. */
function inLockOrder(positions: readonly OpenedShard[]): OpenedShard[] {
  return positions.toSorted((a, b) => (String(a.shard) < String(b.shard) ? -1 : 1));
}

async function saveOnPostgres({ dataSource, dialect, tables }: OutboxDb, positions: readonly OpenedShard[]) {
  const { rows } = await execute<{ shard: string }>(
    dataSource,
    `update ${tables.checkpoint} p set position = s.position, updated_at = ${dialect.nowMs}
     from unnest($1::text[], $2::bigint[], $3::text[]) as s(shard, token, position)
     where p.stream = '${STREAM}' and p.partition = s.shard and p.epoch = s.token
     returning p.partition as shard`,
    [
      positions.map(({ shard }) => String(shard)),
      positions.map(({ token }) => token),
      positions.map(({ position }) => JSON.stringify(String(position))),
    ],
  );
  return new Set(rows.map(({ shard }) => Number(shard)));
}

/** Fenced by the epoch: whoever took the shard over has raised it, and an update that waited for that finds no row. */
function saveOneByOne({ dataSource, dialect, tables }: OutboxDb, positions: readonly OpenedShard[]) {
  return dataSource.transaction(async (tx) => {
    const saved = new Set<number>();
    for (const { shard, token, position } of positions) {
      const p = dialect.parameters();
      const { affected } = await execute(
        tx,
        `update ${tables.checkpoint} set ${dialect.quote('position')} = ${p.add(JSON.stringify(String(position)))},
           updated_at = ${dialect.nowMs}
         where stream = ${p.add(STREAM)} and ${dialect.quote('partition')} = ${p.add(String(shard))} and epoch = ${p.add(token)}`,
        p.values,
      );
      if (affected === 1) saved.add(shard);
    }
    return saved;
  });
}

/** A position as `savePositions` has written it. */
export function parsePosition(position: unknown): bigint {
  return typeof position === 'string' ? BigInt(position) : 0n;
}
