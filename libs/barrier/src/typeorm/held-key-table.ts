import { checkTablePrefix, type Dialect } from 'nestjs-turnpike/dialect';

/** The table's name and columns, quoted: `key` is a reserved word on MySQL. */
export function heldKeyTable(dialect: Dialect, prefix: string) {
  checkTablePrefix(prefix);
  return {
    name: dialect.quote(`${prefix}held_key`),
    barrier: dialect.quote('barrier'),
    key: dialect.quote('key'),
    failedJobId: dialect.quote('failed_job_id'),
    since: dialect.quote('since'),
    lastError: dialect.quote('last_error'),
  };
}
