import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { inject } from 'vitest';

export type DatabaseName = 'sqlite' | 'postgres' | 'mariadb';
export type DatabaseUrls = Readonly<Partial<Record<DatabaseName, string>>>;

type Schema = Pick<DataSourceOptions, 'entities' | 'migrations' | 'subscribers'>;

/** A database of its own on one of the servers, empty but for the migrations that were asked for. */
export interface TestDatabase {
  readonly name: DatabaseName;
  readonly url: string;
  readonly dataSource: DataSource;
  /** A further, initialized DataSource on the same database: another process's view. Closed with the database. */
  connect(schema?: Schema): Promise<DataSource>;
  close(): Promise<void>;
}

export type OpenDatabase = (schema?: Schema) => Promise<TestDatabase>;

/** The databases of the running tier, for `describe.each(testDatabases())('... on %s', (_name, open) => ...)`. */
export function testDatabases(): [DatabaseName, OpenDatabase][] {
  const urls = inject('databases');
  return (Object.entries(urls) as [DatabaseName, string][]).map(([name, url]) => [
    name,
    (schema) => (name === 'sqlite' ? openSqlite(schema) : openOnServer(name, url, schema)),
  ]);
}

/** A SQLite file, whatever the tier: for what is about SQLite alone. */
export async function openSqlite(schema: Schema = {}): Promise<TestDatabase> {
  const directory = mkdtempSync(join(tmpdir(), 'turnpike-'));
  return opened('sqlite', `sqlite:${join(directory, 'test.sqlite')}`, schema, async () =>
    rmSync(directory, { recursive: true, force: true }),
  );
}

async function openOnServer(name: DatabaseName, serverUrl: string, schema: Schema = {}): Promise<TestDatabase> {
  const database = `turnpike_${randomBytes(6).toString('hex')}`;
  await onServer(serverUrl, `create database ${database}`);
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return opened(name, url.href, schema, () =>
    onServer(serverUrl, name === 'postgres' ? `drop database ${database} with (force)` : `drop database ${database}`),
  );
}

async function opened(
  name: DatabaseName,
  url: string,
  schema: Schema,
  drop: () => Promise<unknown>,
): Promise<TestDatabase> {
  const connections: DataSource[] = [];
  const connect = async (of: Schema = {}): Promise<DataSource> => {
    const dataSource = await new DataSource({ ...dataSourceOptions(url), ...of }).initialize();
    connections.push(dataSource);
    return dataSource;
  };
  const dataSource = await connect(schema);
  if (schema.migrations) await dataSource.runMigrations();
  return {
    name,
    url,
    dataSource,
    connect,
    close: async () => {
      for (const connection of connections) if (connection.isInitialized) await connection.destroy();
      await drop();
    },
  };
}

async function onServer(url: string, statement: string): Promise<void> {
  const server = await new DataSource(dataSourceOptions(url)).initialize();
  try {
    await server.query(statement);
  } finally {
    await server.destroy();
  }
}

/** `sqlite:<file>`, `postgres://`, `mysql://` and `mariadb://` as TypeORM's options. */
export function dataSourceOptions(url: string): DataSourceOptions {
  if (url.startsWith('sqlite:')) {
    return { type: 'better-sqlite3', database: url.slice('sqlite:'.length) || ':memory:', enableWAL: true };
  }
  if (url.startsWith('postgres')) return { type: 'postgres', url, poolSize: 20 };
  return { type: url.startsWith('mariadb') ? 'mariadb' : 'mysql', url, poolSize: 20 };
}
