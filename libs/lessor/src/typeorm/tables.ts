import { checkOption } from 'nestjs-turnpike/timing';
import type { Dialect } from 'nestjs-turnpike/dialect';

export const DEFAULT_TABLE_PREFIX = 'turnpike_';

/** The tables' names, quoted for statements. */
export interface LeaseTables {
  /** A row per section: its token counter, and the lock that its calls take turns by. */
  readonly section: string;
  /** A row per leased part. */
  readonly lease: string;
  /** A row per member of a section's balance. */
  readonly member: string;
}

export function checkPrefix(prefix: string): void {
  const rule = 'be lower-case letters, digits and underscores, at most 31';
  checkOption('tablePrefix', prefix, /^[a-z_][a-z0-9_]{0,30}$/.test(prefix), rule);
}

export function leaseTables(dialect: Dialect, prefix: string): LeaseTables {
  checkPrefix(prefix);
  return {
    section: dialect.quote(`${prefix}lease_section`),
    lease: dialect.quote(`${prefix}lease`),
    member: dialect.quote(`${prefix}lease_member`),
  };
}
