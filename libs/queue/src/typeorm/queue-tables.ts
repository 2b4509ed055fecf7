import { checkOption } from 'nestjs-turnpike/timing';

export const DEFAULT_TABLE_PREFIX = 'turnpike_';

/** The names of the tables. They need no quotes: the prefix is checked, and no column is a reserved word. */
export function queueTables(prefix: string) {
  const rule = 'be lower-case letters, digits and underscores, at most 31';
  checkOption('tablePrefix', prefix, /^[a-z_][a-z0-9_]{0,30}$/.test(prefix), rule);
  return { batch: `${prefix}queue_batch`, deadLetter: `${prefix}queue_dead_letter` };
}
