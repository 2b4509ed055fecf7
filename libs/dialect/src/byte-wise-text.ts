import type { QueryRunner } from 'typeorm';
import { dialectOf } from './dialect.js';
import { execute } from './execute.js';

/**
 * The column type for text of at most `length` characters that is compared byte for byte: `a`, `A` and `a ` are three.
 * The default collations of MySQL and MariaDB call them equal, and `utf8mb4_bin` still ignores blanks at the end.
 */
export async function byteWiseText(runner: QueryRunner, length: number): Promise<string> {
  if (dialectOf(runner.dataSource).kind !== 'mysql') return `varchar(${length})`;
  const { rows } = await execute<{ version: string }>(runner, 'select version() as version');
  const collation = rows[0]?.version.includes('MariaDB') ? 'utf8mb4_nopad_bin' : 'utf8mb4_0900_bin';
  return `varchar(${length}) character set utf8mb4 collate ${collation}`;
}
