import { execute } from 'nestjs-turnpike/dialect';
import type { Pause } from '../core/outbox-operations.js';
import type { OutboxDb } from './outbox-db.js';

/** What stands for all destinations: the name of one has at least one character. */
const ALL = '';

/** A row for each pause, by its destination: there are as many as an operator has typed. */
export async function pauses({ dataSource, tables }: OutboxDb): Promise<Pause[]> {
  const { rows } = await execute<{ destination: string; paused_at: string | number }>(
    dataSource,
    `select destination, paused_at from ${tables.pause} order by paused_at, destination`,
  );
  return rows.map(({ destination, paused_at: pausedAt }) => ({
    destination: destination === ALL ? undefined : destination,
    sinceMs: Number(pausedAt),
  }));
}

export async function pause({ dataSource, dialect, tables }: OutboxDb, destination = ALL): Promise<void> {
  const p = dialect.parameters();
  await execute(
    dataSource,
    `insert into ${tables.pause} (destination, paused_at) values (${p.add(destination)}, ${dialect.nowMs})
     ${dialect.onConflict(['destination'])}`,
    p.values,
  );
}

/** Without a destination, all pauses end. */
export async function resume(
  { dataSource, dialect, tables }: OutboxDb,
  destination: string | undefined,
): Promise<boolean> {
  const p = dialect.parameters();
  const which = destination === undefined ? '' : ` where destination = ${p.add(destination)}`;
  const { affected } = await execute(dataSource, `delete from ${tables.pause}${which}`, p.values);
  return affected > 0;
}
