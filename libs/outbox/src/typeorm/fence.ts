import { dialectOf, execute } from 'nestjs-turnpike/dialect';
import type { DataSource, EntityManager } from 'typeorm';
import type { ClaimedShard } from '../core/outbox-storage.js';
import { STREAM, TABLES } from './tables.js';

/**
 * Runs `work` in a transaction that keeps the shards' tokens from being raised until it commits, with those of the claims
 * that are still the newest. So what `work` writes happens wholly before a takeover, or not at all.
 */
export function fenced<Result>(
  dataSource: DataSource,
  claims: readonly ClaimedShard[],
  work: (tx: EntityManager, held: ReadonlySet<number>) => Promise<Result>,
): Promise<Result> {
  const { forUpdate, quote, parameters } = dialectOf(dataSource);
  return dataSource.transaction(async (tx) => {
    const p = parameters();
    const partition = quote('partition');
    const shards = p.oneOf(
      partition,
      claims.map(({ shard }) => String(shard)),
      'text',
    );
    const statement = `select ${partition} as shard, epoch from ${TABLES.checkpoint} where ${shards} and stream = ${p.add(STREAM)}`;
    const { rows } = await execute<{ shard: string; epoch: string | number }>(
      tx,
      `${statement} order by ${partition} ${forUpdate}`,
      p.values,
    );
    const newest = new Map(rows.map(({ shard, epoch }) => [Number(shard), BigInt(epoch)]));
    const held = claims.filter(({ shard, token }) => newest.get(shard) === token).map(({ shard }) => shard);
    return work(tx, new Set(held));
  });
}
