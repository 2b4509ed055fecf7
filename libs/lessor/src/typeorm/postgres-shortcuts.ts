import { execute, type Dialect, type Executor } from 'nestjs-turnpike/dialect';
import { freeParts, type StoredLease } from '../core/free-parts.js';
import type { LeaseGrant, LeaseRequest, LeasedPart } from '../core/lease-store.js';
import { anyOf, FORGET_EXPIRED_AFTER_MS, spanOf } from './lease-statements.js';
import { fromSortableEnds, sortableEnds } from '../core/sortable-key.js';
import type { LeaseTables } from './tables.js';

interface SeenRow {
  readonly token: string;
  readonly low: string | null;
  readonly high: string;
  readonly left_ms: string;
}

/** What Postgres can do in fewer round trips than a transaction takes. */
export class PostgresShortcuts {
  constructor(
    private readonly dialect: Dialect,
    private readonly table: LeaseTables,
    private readonly channel: string,
  ) {}

  /**
   * An acquire in two round trips and without waiting: look, decide, and write if the section is as it was seen. Every
   * acquire raises the section's token, so an unchanged token means that no lease was added since; leases renewed or
   * released meanwhile are in the way or were, and do no harm. `undefined`: somebody was faster, or there is something to
   * clean up, or the section is new. Then take a turn instead.
   */
  async acquire(
    db: Executor,
    { section, holder, desired, termMs, limit }: LeaseRequest,
  ): Promise<LeaseGrant | undefined> {
    const seen = await this.look(db, section, spanOf(desired));
    if (!seen || seen.leases.some(({ leftMs }) => leftMs <= 0)) return undefined;
    const free = freeParts(desired, seen.leases, limit);
    const ends = free.parts.map(({ partition }) => sortableEnds(partition));
    const p = this.dialect.parameters();
    const { rows } = await execute<{ token: string }>(
      db,
      `with turn as (
         update ${this.table.section} set token = token + 1
         where section = (
           select section from ${this.table.section}
           where section = ${p.add(section)} and token = ${p.add(String(seen.token))} for update skip locked)
         returning section, token),
       granted as (
         insert into ${this.table.lease} (section, low, high, holder, token, lease_until)
         select turn.section, part.low, part.high, ${p.add(holder)}::text, turn.token,
           ${this.dialect.nowMs} + ${p.add(termMs)}::bigint
         from turn, unnest(${p.add(ends.map(([low]) => low))}::text[], ${p.add(ends.map(([, high]) => high))}::text[])
           as part (low, high))
       select token from turn`,
      p.values,
    );
    return rows[0] && { token: BigInt(rows[0].token), ...free };
  }

  /**
   * A release in one round trip, which also tells the balancers of the section. It takes the section's turn first, as
   * everything that deletes leases does. Its commit does not wait for the disk: if the server crashes right then, the
   * lease is there again, and expires.
   */
  async release(db: Executor, section: string, parts: readonly LeasedPart[]): Promise<void> {
    const p = this.dialect.parameters();
    const name = p.add(section);
    await execute(
      db,
      `with turn as materialized (
         select section, set_config('synchronous_commit', 'off', true) from ${this.table.section}
         where section = ${name} for update),
       released as (
         delete from ${this.table.lease}
         where section = ${name} and (${anyOf(p, parts)}) and (select count(*) from turn) > 0)
       select pg_notify(${p.add(this.channel)}, section) from turn
       where exists (select from ${this.table.member} where section = ${name})`,
      p.values,
    );
  }

  /** Tells the balancers of the section, when the transaction commits. */
  async notify(tx: Executor, section: string): Promise<void> {
    const p = this.dialect.parameters();
    await execute(tx, `select pg_notify(${p.add(this.channel)}, ${p.add(section)})`, p.values);
  }

  /** The section's token, its leases within the span, and any other that should be cleaned up, as of one moment. */
  private async look(
    db: Executor,
    section: string,
    [low, high]: readonly [string, string],
  ): Promise<{ token: bigint; leases: StoredLease[] } | undefined> {
    const p = this.dialect.parameters();
    const { rows } = await execute<SeenRow>(
      db,
      `select s.token, l.low, l.high, l.lease_until - ${this.dialect.nowMs} as left_ms
       from ${this.table.section} s left join ${this.table.lease} l on l.section = s.section
         and (l.low < ${p.add(high)} and l.high > ${p.add(low)}
           or l.lease_until <= ${this.dialect.nowMs} - ${FORGET_EXPIRED_AFTER_MS})
       where s.section = ${p.add(section)}`,
      p.values,
    );
    const leases = rows.flatMap(({ low, high, left_ms }) =>
      low === null ? [] : [{ partition: fromSortableEnds(low, high), leftMs: Number(left_ms) }],
    );
    return rows[0] && { token: BigInt(rows[0].token), leases };
  }
}
