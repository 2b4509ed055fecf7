import { execute, type Executor } from 'nestjs-turnpike/dialect';
import type { OutboxDb } from './outbox-db.js';

/**
 * Takes a shard as publishing transactions do, until this transaction ends. False: one of them has it. It is not waited for:
 * it may be frozen, and this transaction may be about other shards too.
 */
export async function tryLockShard({ dialect, tables }: OutboxDb, tx: Executor, shard: number): Promise<boolean> {
  if (dialect.kind === 'sqlite') return true; // its transactions come one at a time
  const p = dialect.parameters();
  if (dialect.kind === 'postgres') {
    const statement = `select pg_try_advisory_xact_lock(hashtext('${tables.entry}'), ${p.add(shard)}) as locked`;
    return (await execute<{ locked: boolean }>(tx, statement, p.values)).rows[0]?.locked ?? false;
  }
  const statement = `select shard from ${tables.shard} where shard = ${p.add(shard)} ${dialect.forUpdateSkipLocked}`;
  return (await execute(tx, statement, p.values)).rows.length > 0;
}
