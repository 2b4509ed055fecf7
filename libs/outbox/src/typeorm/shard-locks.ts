import { execute, type Executor } from 'nestjs-turnpike/dialect';
import type { OutboxDb } from './outbox-db.js';

/** Takes the shards as publishing transactions do, until this transaction ends. `shards` are in order. */
export async function lockShardsFor(db: OutboxDb, tx: Executor, shards: readonly number[]): Promise<void> {
  const { dialect, tables } = db;
  if (dialect.kind === 'postgres') {
    await execute(tx, `select pg_advisory_xact_lock(hashtext('${tables.entry}'), s) from unnest($1::int[]) s`, [
      shards,
    ]);
  } else if (dialect.kind === 'mysql') {
    const p = dialect.parameters();
    const some = p.oneOf('shard', shards, 'integer');
    await execute(tx, `select shard from ${tables.shard} where ${some} order by shard for update`, p.values);
  }
}
