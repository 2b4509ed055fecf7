import type { Dialect } from 'nestjs-turnpike/dialect';
import { checkOption } from 'nestjs-turnpike/timing';

export const DEFAULT_TABLE_PREFIX = 'turnpike_';

export function checkPrefix(prefix: string): void {
  const rule = 'be lower-case letters, digits and underscores, at most 31';
  checkOption('tablePrefix', prefix, /^[a-z_][a-z0-9_]{0,30}$/.test(prefix), rule);
}

/** The table's name and columns, quoted: `key` is a reserved word on MySQL. */
export function heldKeyTable(dialect: Dialect, prefix: string) {
  checkPrefix(prefix);
  return {
    name: dialect.quote(`${prefix}held_key`),
    barrier: dialect.quote('barrier'),
    key: dialect.quote('key'),
    failedJobId: dialect.quote('failed_job_id'),
    since: dialect.quote('since'),
    lastError: dialect.quote('last_error'),
  };
}
