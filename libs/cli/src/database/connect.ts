import { serializeSqlite } from 'nestjs-turnpike/dialect';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { ConnectError, UsageError } from '../cli.errors.js';
import type { Terminal } from '../terminal.js';
import { findDataSourceFile, loadDataSource } from './data-source-file.js';
import { optionsOfUrl } from './database-url.js';
import { Secrets } from '../core/secrets.js';

export interface ConnectOptions {
  /** A module that exports a DataSource. */
  readonly dataSource?: string | undefined;
  /** On Postgres: the schema that our tables are in. */
  readonly schema?: string | undefined;
}

export interface ConnectFor {
  /** What is to be migrated; nothing of the user's own ever is. */
  readonly migrations?: DataSourceOptions['migrations'];
  /** Makes the file of a SQLite database that is not there yet. */
  readonly create?: boolean;
}

/**
 * Connects to the database that `--data-source`, an ormconfig in the working directory or DATABASE_URL names, in this order.
 * The DataSource is one of our own: of the user's it has how to connect, and neither entities, subscribers, logging nor
 * anything that would change tables by itself.
 */
export async function connect(
  options: ConnectOptions,
  terminal: Pick<Terminal, 'cwd' | 'env'>,
  secrets: Secrets,
  { migrations = [], create = false }: ConnectFor = {},
): Promise<DataSource> {
  const given = await givenOptions(options, terminal, secrets);
  rememberSecrets(given, secrets);
  const own = {
    ...given,
    entities: [],
    subscribers: [],
    migrations,
    migrationsRun: false,
    synchronize: false,
    dropSchema: false,
    logging: false,
    ...(given.type === 'better-sqlite3' ? { fileMustExist: !create } : {}),
    ...inSchema(given, options.schema),
  } as DataSourceOptions;
  try {
    return serializeSqlite(await new DataSource(own).initialize());
  } catch (error) {
    const reason = secrets.hideIn(error instanceof AggregateError ? String(error.errors[0]) : messageOf(error));
    throw new ConnectError(`Cannot connect to ${nameOf(given)}: ${reason}`, { cause: error });
  }
}

async function givenOptions(
  { dataSource: file }: ConnectOptions,
  { cwd, env }: Pick<Terminal, 'cwd' | 'env'>,
  secrets: Secrets,
): Promise<DataSourceOptions> {
  const url = env['DATABASE_URL'];
  if (url) secrets.addUrl(url); // an ormconfig may read it too, and fail with it
  const found = file ?? findDataSourceFile(cwd);
  if (found !== undefined) {
    const dataSource = await loadDataSource(cwd, found);
    if (dataSource.isInitialized) await dataSource.destroy();
    return dataSource.options;
  }
  if (url) return optionsOfUrl(url);
  throw new ConnectError(
    'No database is named. Pass --data-source <file> with a module that exports a DataSource, or set DATABASE_URL.',
  );
}

function rememberSecrets(options: DataSourceOptions, secrets: Secrets): void {
  const { url, password } = options as { readonly url?: unknown; readonly password?: unknown };
  if (typeof url === 'string') secrets.addUrl(url);
  if (typeof password === 'string') secrets.add(password);
}

function inSchema(given: DataSourceOptions, schema: string | undefined): object {
  if (schema === undefined) return {};
  if (given.type !== 'postgres') {
    throw new UsageError(`--schema is for Postgres, and this is ${given.type}: there, name the database itself.`);
  }
  const extra = given.extra as { readonly options?: string } | undefined;
  const path = `-c search_path=${searchPath(schema)}`;
  return { extra: { ...extra, options: extra?.options === undefined ? path : `${extra.options} ${path}` } };
}

/** Names of schemas that need no quotes. */
export function searchPath(schema: string): string {
  if (/^[a-z_][a-z0-9_]*$/.test(schema)) return schema;
  throw new UsageError(`--schema takes lower-case letters, digits and underscores, not ${JSON.stringify(schema)}.`);
}

interface Place {
  readonly url?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
}

/** Where it is, without who. */
function nameOf(options: DataSourceOptions): string {
  const { type } = options;
  const { url, host, port, database } = options as Place;
  if (url !== undefined) {
    const [, place = ''] = /^[a-z0-9+.-]+:\/\/(?:.*@)?([^?#]*)/is.exec(url) ?? [];
    return `${type} at ${place}`;
  }
  if (type === 'better-sqlite3') return `the SQLite file ${database}`;
  return `${type} at ${[host, port].filter(Boolean).join(':') || 'its default host'}/${database ?? ''}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
