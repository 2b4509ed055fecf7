import { checkTablePrefix, type Dialect } from 'nestjs-turnpike/dialect';

/** The tables' names, quoted for statements. */
export interface LeaseTables {
  /** A row per section: its token counter, and the lock that its calls take turns by. */
  readonly section: string;
  /** A row per leased part. */
  readonly lease: string;
  /** A row per member of a section's balance. */
  readonly member: string;
}

export function leaseTables(dialect: Dialect, prefix: string): LeaseTables {
  checkTablePrefix(prefix);
  return {
    section: dialect.quote(`${prefix}lease_section`),
    lease: dialect.quote(`${prefix}lease`),
    member: dialect.quote(`${prefix}lease_member`),
  };
}
