import type { DataSource, EntityManager } from 'typeorm';
import { dialectOf, type Dialect } from './dialect.js';
import { execute, type Executor } from './execute.js';
import { serializeSqlite } from './serialize-sqlite.js';

/** A lock with a name: a row of a table that is made for it. */
export interface NamedLock {
  /** As it stands in statements, quoted. */
  readonly table: string;
  /** The column of the name, the table's primary key. */
  readonly column: string;
  readonly name: string;
  /** What the other columns get when the name is locked for the first time. Default: their defaults. */
  readonly row?: Readonly<Record<string, unknown>>;
}

/**
 * Runs `work` in a transaction of its own, while no other call with this lock does, in any process. Each waits until the
 * one before has committed or rolled back, and then sees what that one committed. A call that takes one lock only
 * cannot meet a deadlock.
 *
 * A row, because that lock ends with its transaction on every database. MySQL's GET_LOCK belongs to the connection and
 * stays with it, in the pool; on SQLite a transaction is alone as it is. READ COMMITTED, because a snapshot that was
 * taken before the wait would be older than what is waited for; and without the gap locks of InnoDB, which reach into
 * neighbouring rows and do deadlock.
 */
export async function whileLocked<R>(
  dataSource: DataSource,
  lock: NamedLock,
  work: (tx: EntityManager) => Promise<R>,
): Promise<R> {
  const dialect = dialectOf(serializeSqlite(dataSource));
  const isolation = dialect.kind === 'sqlite' ? 'SERIALIZABLE' : 'READ COMMITTED';
  const attempt = (): Promise<R | typeof NO_ROW> =>
    dataSource.transaction(isolation, async (tx) => ((await take(tx, dialect, lock)) ? work(tx) : NO_ROW));
  const result = await attempt();
  if (result !== NO_ROW) return result;
  // In a transaction of its own: two that insert the same row and then lock it can deadlock on MySQL.
  await dataSource.transaction(isolation, (tx) => make(tx, dialect, lock));
  return (await attempt()) as R;
}

const NO_ROW = Symbol('no row');

/** @returns false when there is no such row yet */
async function take(tx: Executor, dialect: Dialect, { table, column, name }: NamedLock): Promise<boolean> {
  const p = dialect.parameters();
  const key = dialect.quote(column);
  const { rows } = await execute(
    tx,
    `select ${key} from ${table} where ${key} = ${p.add(name)} ${dialect.forUpdate}`,
    p.values,
  );
  return rows.length > 0;
}

async function make(tx: Executor, dialect: Dialect, { table, column, name, row = {} }: NamedLock): Promise<void> {
  const p = dialect.parameters();
  const columns = [column, ...Object.keys(row)].map((each) => dialect.quote(each)).join(', ');
  const values = p.rows([[name, ...Object.values(row)]]);
  await execute(tx, `insert into ${table} (${columns}) values ${values} ${dialect.onConflict([column])}`, p.values);
}
