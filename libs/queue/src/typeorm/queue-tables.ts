import { checkTablePrefix } from 'nestjs-turnpike/dialect';

/** The names of the tables. They need no quotes: the prefix is checked, and no column is a reserved word. */
export function queueTables(prefix: string) {
  checkTablePrefix(prefix);
  return { batch: `${prefix}queue_batch`, deadLetter: `${prefix}queue_dead_letter` };
}
