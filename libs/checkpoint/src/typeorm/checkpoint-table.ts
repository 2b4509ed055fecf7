import { type Dialect } from 'nestjs-turnpike/dialect';
import { checkOption } from 'nestjs-turnpike/timing';

export const DEFAULT_TABLE_PREFIX = 'turnpike_';

export function checkPrefix(prefix: string): void {
  const rule = 'be lower-case letters, digits and underscores, at most 31';
  checkOption('tablePrefix', prefix, /^[a-z_][a-z0-9_]{0,30}$/.test(prefix), rule);
}

/** The table's name and columns, quoted: `partition` is a reserved word on MySQL. */
export function checkpointTable(dialect: Dialect, prefix: string) {
  checkPrefix(prefix);
  return {
    name: dialect.quote(`${prefix}checkpoint`),
    stream: dialect.quote('stream'),
    partition: dialect.quote('partition'),
    position: dialect.quote('position'),
    epoch: dialect.quote('epoch'),
    updatedAt: dialect.quote('updated_at'),
  };
}
