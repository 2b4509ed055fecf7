import type { DataSource } from 'typeorm';
import { UnsupportedDatabaseError } from './dialect.errors.js';
import { NumberedParameters, PositionalParameters, SqliteParameters, type Parameters } from './parameters.js';

export type DatabaseKind = 'postgres' | 'mysql' | 'sqlite';

/** What differs between the databases in the statements of the other libs. MariaDB speaks `mysql`. */
export interface Dialect {
  readonly kind: DatabaseKind;
  /** An SQL expression: the database's own wall clock in whole ms since the epoch, as of the statement's start or later. */
  readonly nowMs: string;
  /** Appended to a SELECT: locks the rows until the transaction ends. Empty on SQLite, whose writer is alone. */
  readonly forUpdate: string;
  /** As `forUpdate`, but passes over rows that another transaction holds. Empty on SQLite. */
  readonly forUpdateSkipLocked: string;
  quote(identifier: string): string;
  parameters(): Parameters;
  /**
   * Appended to an INSERT: a row whose `key` exists already takes the new values of the `update` columns; with no such
   * column it stays as it is.
   */
  onConflict(key: readonly string[], update?: readonly string[]): string;
}

const postgres: Dialect = {
  kind: 'postgres',
  // clock_timestamp() goes on within a transaction; now() would stay at its start.
  nowMs: '(extract(epoch from clock_timestamp()) * 1000)::bigint',
  forUpdate: 'for update',
  forUpdateSkipLocked: 'for update skip locked',
  quote: (identifier) => `"${identifier.replaceAll('"', '""')}"`,
  parameters: () => new NumberedParameters(),
  onConflict: (key, update = []) => onConflict(postgres, key, update),
};

const sqlite: Dialect = {
  kind: 'sqlite',
  nowMs: `cast(round(unixepoch('subsec') * 1000) as integer)`,
  forUpdate: '',
  forUpdateSkipLocked: '',
  quote: postgres.quote,
  parameters: () => new SqliteParameters(),
  onConflict: (key, update = []) => onConflict(sqlite, key, update),
};

const mysql: Dialect = {
  kind: 'mysql',
  // Not unix_timestamp(now(3)): in a session time zone with summer time, one hour a year is ambiguous.
  nowMs: `timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000`,
  forUpdate: 'for update',
  forUpdateSkipLocked: 'for update skip locked',
  quote: (identifier) => `\`${identifier.replaceAll('`', '``')}\``,
  parameters: () => new PositionalParameters(),
  // `insert ignore` would swallow every other error too, such as a value that does not fit.
  onConflict: (key, update = []) => {
    const assign = (column: string, value: string): string => `${mysql.quote(column)} = ${value}`;
    const assignments = update.map((column) => assign(column, `values(${mysql.quote(column)})`));
    const [first = ''] = key;
    return `on duplicate key update ${assignments.join(', ') || assign(first, mysql.quote(first))}`;
  },
};

function onConflict(dialect: Dialect, key: readonly string[], update: readonly string[]): string {
  const conflict = `on conflict (${key.map(dialect.quote).join(', ')})`;
  if (update.length === 0) return `${conflict} do nothing`;
  return `${conflict} do update set ${update.map((c) => `${dialect.quote(c)} = excluded.${dialect.quote(c)}`).join(', ')}`;
}

/** The dialect of a DataSource by its driver; it need not be initialized. Throws `UnsupportedDatabaseError`. */
export function dialectOf(dataSource: DataSource): Dialect {
  switch (dataSource.options.type) {
    case 'postgres':
      return postgres;
    case 'mysql':
    case 'mariadb':
      return mysql;
    case 'better-sqlite3':
      return sqlite;
    default:
      throw new UnsupportedDatabaseError(`the driver "${dataSource.options.type}"`);
  }
}
