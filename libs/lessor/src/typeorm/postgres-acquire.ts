import { execute, type Dialect, type Executor, type Parameters } from 'nestjs-turnpike/dialect';
import { freeParts, type FreeParts } from '../core/free-parts.js';
import type { GrantedPart, LeaseGrant, LeaseRequest } from '../core/lease-store.js';
import { sortableEnds } from '../core/sortable-key.js';
import type { LeaseStatements, SeenSection } from './lease-statements.js';
import type { LeaseTables } from './tables.js';

/**
 * Leasing on Postgres without holding a lock while this process thinks, is busy or is stopped: it looks, decides, and
 * writes if the section's token is still the same.
 *
 * Every acquire raises the token, so an unchanged one means that no lease was added since; leases that were renewed or
 * released since are in the way, or were, and do no harm. A statement reads as of its start, also when it then waits for
 * the section's turn; but Postgres compares the token again in the row as it is after the wait.
 */
export class PostgresAcquire {
  constructor(
    private readonly dialect: Dialect,
    private readonly table: LeaseTables,
    private readonly statements: LeaseStatements,
  ) {}

  /** `undefined`: somebody was faster, or the section is new. */
  async acquire(db: Executor, request: LeaseRequest): Promise<LeaseGrant | undefined> {
    // Of a range nothing is leased, as a rule; of a list, as a balancer asks for, something is.
    if (request.desired.length === 1) {
      const all = freeParts(request.desired, [], request.limit);
      const token = await this.grant(db, request, all);
      if (token !== undefined) return grantOf(token, all);
    }
    const seen = await this.statements.look(db, request);
    if (!seen) return undefined;
    const free = freeParts(request.desired, seen.leases, request.limit);
    const token = await this.grant(db, request, free, seen);
    return token === undefined ? undefined : grantOf(token, free);
  }

  /**
   * Leases `free` if the section's token is still the one that was `seen`; or, in one statement with the look, if nothing
   * is in the way. Gives the new token.
   */
  async grant(db: Executor, request: LeaseRequest, free: FreeParts, seen?: SeenSection): Promise<bigint | undefined> {
    const { dialect, table, statements } = this;
    const p = dialect.parameters();
    const section = p.add(request.section);
    const unchanged = seen
      ? `token = ${p.add(seen.token)}::bigint`
      : `token = (select token from ${table.section} where section = ${section})
         and not exists (select from ${table.lease} where section = ${section} and ${statements.concerns(p, request)})`;
    const turn = `update ${table.section} set token = token + 1
      where section = ${section} and ${unchanged}
      returning section, token`;
    const cleaned = seen?.leases.some(({ leftMs }) => leftMs <= 0)
      ? `, cleaned as (
        delete from ${table.lease} where section = (select section from turn) and ${statements.expired(p, free)}
        returning low)`
      : '';
    const statement =
      free.parts.length > 0
        ? `with turn as (${turn}) ${cleaned} ${this.insert(p, request, free, cleaned !== '')}`
        : turn;
    const { rows } = await execute<{ token: string }>(db, statement, p.values);
    return rows[0] && BigInt(rows[0].token);
  }

  /** `cleaned`: not before the expired leases are gone, whose places the new ones may take. */
  private insert(p: Parameters, { holder, termMs }: LeaseRequest, { parts }: FreeParts, cleaned: boolean): string {
    return `insert into ${this.table.lease} (section, low, high, holder, token, lease_until)
      select section, part.low, part.high, ${p.add(holder)}, token, ${this.dialect.nowMs} + ${p.add(termMs)}::bigint
      from turn, ${rowsOf(p, parts)} ${cleaned ? 'where (select count(*) from cleaned) >= 0' : ''}
      returning token`;
  }
}

function grantOf(token: bigint, { parts, freeInMs }: FreeParts): LeaseGrant {
  return { token, parts, freeInMs };
}

/** The parts' ends as a table. Most requests get one part, which is planned faster by itself. */
function rowsOf(p: Parameters, parts: readonly GrantedPart[]): string {
  const ends = parts.map(({ partition }) => sortableEnds(partition));
  const [first] = ends;
  if (first && ends.length === 1) return `(values (${p.add(first[0])}, ${p.add(first[1])})) as part (low, high)`;
  const lows = p.add(ends.map(([low]) => low));
  const highs = p.add(ends.map(([, high]) => high));
  return `unnest(${lows}::text[], ${highs}::text[]) as part (low, high)`;
}
