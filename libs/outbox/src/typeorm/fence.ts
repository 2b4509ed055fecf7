import { execute } from 'nestjs-turnpike/dialect';
import type { EntityManager } from 'typeorm';
import type { ClaimedShard } from '../core/outbox-storage.js';
import type { OutboxDb } from './outbox-db.js';
import { STREAM } from './tables.js';

/** Added to the read of the tokens: others may read them too, but nobody may raise them before the transaction ends. */
const SHARED_LOCK = { postgres: 'for share', mysql: 'lock in share mode', sqlite: '' } as const;

/**
 * Runs `work` in a transaction that keeps the shards' tokens from being raised until it commits, with those shards whose
 * claims are still the newest. So what `work` writes happens wholly before a takeover, or not at all.
 */
export function fenced<Result>(
  db: OutboxDb,
  claims: readonly ClaimedShard[],
  work: (tx: EntityManager, held: ReadonlySet<number>) => Promise<Result>,
): Promise<Result> {
  const { dataSource, dialect, tables } = db;
  return dataSource.transaction(async (tx) => {
    const p = dialect.parameters();
    const partition = dialect.quote('partition');
    const shards = p.oneOf(
      partition,
      claims.map(({ shard }) => String(shard)),
      'text',
    );
    const { rows } = await execute<{ shard: string; epoch: string | number }>(
      tx,
      `select ${partition} as shard, epoch from ${tables.checkpoint} where ${shards} and stream = ${p.add(STREAM)}
       order by ${partition} ${SHARED_LOCK[dialect.kind]}`,
      p.values,
    );
    const newest = new Map(rows.map(({ shard, epoch }) => [Number(shard), BigInt(epoch)]));
    const held = claims.filter(({ shard, token }) => newest.get(shard) === token).map(({ shard }) => shard);
    return work(tx, new Set(held));
  });
}
