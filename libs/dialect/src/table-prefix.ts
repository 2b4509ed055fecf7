/** What the names of our tables begin with, unless the user says otherwise. */
export const DEFAULT_TABLE_PREFIX = 'turnpike_';

/** Refuses a prefix that would need quotes, or make a name longer than every database takes. */
export function checkTablePrefix(prefix: string): void {
  if (/^[a-z_][a-z0-9_]{0,30}$/.test(prefix)) return;
  throw new RangeError(
    `tablePrefix must be lower-case letters, digits and underscores, at most 31, but is ${JSON.stringify(prefix)}`,
  );
}
