import type { DataSource } from 'typeorm';
import { UnsupportedDatabaseError } from './dialect.errors.js';
import { dialectOf } from './dialect.js';
import { execute } from './execute.js';

type Version = readonly [major: number, minor: number];

/** Asks the server for its version, once at start: throws `UnsupportedDatabaseError` when it is too old. */
export async function checkServer(dataSource: DataSource): Promise<void> {
  const sqlite = dialectOf(dataSource).kind === 'sqlite';
  const { rows } = await execute<{ version: string }>(
    dataSource,
    `select ${sqlite ? 'sqlite_version()' : 'version()'} as version`,
  );
  refuseOldServer(dialectOf(dataSource).kind, rows[0]?.version ?? '');
}

/** `text` is what the server answers: '15.4', 'PostgreSQL 15.4 (…)', '8.4.2', '10.11.19-MariaDB-deb12u1', '3.50.1'. */
export function refuseOldServer(kind: 'postgres' | 'mysql' | 'sqlite', text: string): void {
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(text) ?? [];
  const found: Version = [Number(major), Number(minor)];
  const [name, least] = requirement(kind, text);
  if (found[0] < least[0] || (found[0] === least[0] && found[1] < least[1])) {
    throw new UnsupportedDatabaseError(`${name} ${text}`);
  }
}

function requirement(kind: string, text: string): [name: string, least: Version] {
  if (kind === 'postgres') return ['Postgres', [15, 0]];
  // unixepoch('subsec') came with 3.42.
  if (kind === 'sqlite') return ['SQLite', [3, 42]];
  return text.includes('MariaDB') ? ['MariaDB', [10, 11]] : ['MySQL', [8, 4]];
}
