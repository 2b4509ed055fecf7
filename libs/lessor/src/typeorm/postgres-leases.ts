import { execute, type Dialect, type Executor } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import type { FreeParts } from '../core/free-parts.js';
import type { LeaseGrant, LeaseRequest, LeasedPart } from '../core/lease-store.js';
import { sortableEnds } from '../core/sortable-key.js';
import { anyOf, type LeaseStatements, type SeenSection } from './lease-statements.js';
import { PostgresAcquire } from './postgres-acquire.js';
import type { LeaseTables } from './tables.js';

/**
 * On Postgres each call is one statement and a transaction of its own (an acquire now and then a few), so that no lock is
 * held while this process thinks, is busy or is stopped. And a statement can tell a section's balancers what it did.
 *
 * Statements that need several rows first take the section's turn. They read as of their start, also when they then wait
 * for it, so they do not stand on what they read: rows are named by the token of their lease, and compared again when
 * they have changed.
 */
export class PostgresLeases {
  private readonly acquiring: PostgresAcquire;

  constructor(
    private readonly db: DataSource,
    private readonly dialect: Dialect,
    private readonly table: LeaseTables,
    statements: LeaseStatements,
    private readonly channel: string,
  ) {
    this.acquiring = new PostgresAcquire(dialect, table, statements);
  }

  async acquire(request: LeaseRequest): Promise<LeaseGrant | typeof TAKE_A_TURN> {
    return (await this.acquiring.acquire(this.db, request)) ?? TAKE_A_TURN;
  }

  /** In the section's turn, which has seen it. */
  async grant(tx: Executor, request: LeaseRequest, free: FreeParts, seen: SeenSection): Promise<void> {
    await this.acquiring.grant(tx, request, free, seen);
  }

  async renew(section: string, parts: readonly LeasedPart[], termMs: number): Promise<LeasedPart[]> {
    const p = this.dialect.parameters();
    const name = p.add(section);
    const { rows } = await execute<{ low: string; token: string }>(
      this.db,
      `with turn as materialized (${this.turn(name)})
       update ${this.table.lease} set lease_until = ${this.dialect.nowMs} + ${p.add(termMs)}
       where section = ${name} and lease_until > ${this.dialect.nowMs} and (${anyOf(p, parts)})
         and (select count(*) from turn) > 0
       returning low, token`,
      p.values,
    );
    const renewed = new Set(rows.map(({ low, token }) => `${low} ${token}`));
    return parts.filter(({ partition, token }) => renewed.has(`${sortableEnds(partition)[0]} ${token}`));
  }

  /**
   * One part is one row, which two cannot wait for crosswise; more of them take the section's turn.
   *
   * The commit does not wait for the disk. If the server crashes right then, the lease is there again, and expires. The
   * next lease of the part is never kept without this release: its commit does wait, for all that came before it too.
   */
  async release(section: string, parts: readonly LeasedPart[]): Promise<void> {
    const p = this.dialect.parameters();
    const name = p.add(section);
    const several = parts.length > 1;
    await execute(
      this.db,
      `with ${several ? `turn as materialized (${this.turn(name)}),` : ''}
       released as (
         delete from ${this.table.lease}
         where section = ${name} and (${anyOf(p, parts)}) and ${UNHURRIED} = 'off'
           ${several ? 'and (select count(*) from turn) > 0' : ''}
         returning section)
       select pg_notify(${p.add(this.channel)}, section) from released
       where exists (select from ${this.table.member} where section = ${name}) limit 1`,
      p.values,
    );
  }

  /**
   * Its commit does not wait for the disk either: a member that a crashed server forgot is back with its next heartbeat,
   * and its leases were kept. (A renewal must wait: its holder counts on it.)
   */
  async heartbeat(section: string, member: string, termMs: number): Promise<void> {
    if (termMs === 0) return this.leave(section, member);
    const p = this.dialect.parameters();
    const { affected } = await execute(
      this.db,
      `update ${this.table.member} set lease_until = ${this.dialect.nowMs} + ${p.add(termMs)}
       where section = ${p.add(section)} and member = ${p.add(member)} and lease_until > ${this.dialect.nowMs}
         and ${UNHURRIED} = 'off'`,
      p.values,
    );
    if (affected === 0) await this.join(section, member, termMs);
  }

  /** Tells the balancers of the section, when the transaction commits. */
  async notify(tx: Executor, section: string): Promise<void> {
    const p = this.dialect.parameters();
    await execute(tx, `select pg_notify(${p.add(this.channel)}, ${p.add(section)})`, p.values);
  }

  /** Forgets the dead on the way, but for those that somebody else is forgetting: nobody waits. */
  private async join(section: string, member: string, termMs: number): Promise<void> {
    const p = this.dialect.parameters();
    const [name, me] = [p.add(section), p.add(member)];
    await execute(
      this.db,
      `with dead as (
         delete from ${this.table.member} where ctid = any(array(
           select ctid from ${this.table.member}
           where section = ${name} and member <> ${me} and lease_until <= ${this.dialect.nowMs}
           ${this.dialect.forUpdateSkipLocked}))),
       joined as (
         insert into ${this.table.member} (section, member, lease_until)
         values (${name}, ${me}, ${this.dialect.nowMs} + ${p.add(termMs)})
         ${this.dialect.onConflict(['section', 'member'], ['lease_until'])}
         returning section)
       select pg_notify(${p.add(this.channel)}, section), ${UNHURRIED} from joined`,
      p.values,
    );
  }

  /** Waits for whoever has it. Count it in a condition: it is then taken before the first row is looked at. */
  private turn(name: string): string {
    return `select section from ${this.table.section} where section = ${name} for update`;
  }

  private async leave(section: string, member: string): Promise<void> {
    const p = this.dialect.parameters();
    await execute(
      this.db,
      `with gone as (
         delete from ${this.table.member} where section = ${p.add(section)} and member = ${p.add(member)}
         returning section)
       select pg_notify(${p.add(this.channel)}, section), ${UNHURRIED} from gone`,
      p.values,
    );
  }
}

/** What was asked for needs a transaction of several statements, and nothing was done. */
export const TAKE_A_TURN = Symbol('take a turn');

/** Evaluated in a statement, its commit does not wait for the disk. The value is 'off'. */
const UNHURRIED = `set_config('synchronous_commit', 'off', true)`;
