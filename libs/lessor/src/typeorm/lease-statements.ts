import { execute, type Dialect, type Executor, type Parameters } from 'nestjs-turnpike/dialect';
import type { FreeParts, StoredLease } from '../core/free-parts.js';
import type { LeaseRequest, LeasedPart, Member } from '../core/lease-store.js';
import type { Partition } from '../core/partition.js';
import { fromSortableEnds, sortableEnds } from '../core/sortable-key.js';
import type { LeaseTables } from './tables.js';

const FORGET_EXPIRED_AFTER_MS = 24 * 3_600_000;

/** A section and its leases, as they were at one moment. */
export interface SeenSection {
  readonly token: bigint;
  readonly leases: readonly StoredLease[];
}

/** A lease of the section; nulls when it has none. */
interface SeenRow {
  readonly token: string | number;
  readonly low: string | null;
  readonly high: string | null;
  readonly left_ms: string | number | null;
}

interface LeaseRow {
  readonly low: string;
  readonly high: string;
}

/** A lease that runs, as people see it. */
export interface HeldLease {
  readonly partition: Partition;
  /** What `acquire` was told: of a balancer, its `memberId`. */
  readonly holder: string;
  /** How long it lasts unless it is renewed, by the database's clock. */
  readonly endsInMs: number;
}

interface NewLease {
  readonly section: string;
  readonly holder: string;
  readonly token: bigint;
  readonly termMs: number;
}

/** The statements on the lease tables. What writes leases or members runs behind the section's lock. */
export class LeaseStatements {
  constructor(
    private readonly dialect: Dialect,
    private readonly table: LeaseTables,
  ) {}

  /** The section with its leases that concern the request, as of one moment. */
  async look(db: Executor, request: LeaseRequest): Promise<SeenSection | undefined> {
    const p = this.dialect.parameters();
    const { rows } = await execute<SeenRow>(
      db,
      `select s.token, l.low, l.high, l.lease_until - ${this.dialect.nowMs} as left_ms
       from ${this.table.section} s left join ${this.table.lease} l on l.section = s.section
         and ${this.concerns(p, request)}
       where s.section = ${p.add(request.section)}`,
      p.values,
    );
    const leases = rows.flatMap(({ low, high, left_ms }) =>
      low === null || high === null ? [] : [{ partition: fromSortableEnds(low, high), leftMs: Number(left_ms) }],
    );
    return rows[0] && { token: BigInt(rows[0].token), leases };
  }

  /** Raises the section's token, and leases `free` with it. */
  async grant(tx: Executor, request: LeaseRequest, free: FreeParts, seen: SeenSection): Promise<void> {
    const { section, holder, termMs } = request;
    const token = seen.token + 1n;
    const parts = free.parts.map(({ partition }) => partition);
    await this.setToken(tx, section, token);
    if (seen.leases.some(({ leftMs }) => leftMs <= 0)) await this.deleteExpired(tx, section, free);
    await this.insert(tx, { section, holder, token, termMs }, parts);
  }

  /** A condition: an expired lease that is in the way, and what nobody asked for in a day after it expired. */
  expired(p: Parameters, { replaced }: FreeParts): string {
    const lows = replaced.map((part) => sortableEnds(part)[0]);
    return `(${p.oneOf('low', lows, 'text')} or ${this.forgotten})`;
  }

  private async setToken(tx: Executor, section: string, token: bigint): Promise<void> {
    const p = this.dialect.parameters();
    await execute(
      tx,
      `update ${this.table.section} set token = ${p.add(String(token))} where section = ${p.add(section)}`,
      p.values,
    );
  }

  private async deleteExpired(tx: Executor, section: string, free: FreeParts): Promise<void> {
    const p = this.dialect.parameters();
    await execute(
      tx,
      `delete from ${this.table.lease} where section = ${p.add(section)} and ${this.expired(p, free)}`,
      p.values,
    );
  }

  private async insert(tx: Executor, lease: NewLease, parts: readonly Partition[]): Promise<void> {
    if (parts.length === 0) return;
    const p = this.dialect.parameters();
    const rows = parts.map((part) => {
      const values = [lease.section, ...sortableEnds(part), lease.holder, String(lease.token)].map((v) => p.add(v));
      return `(${values.join(', ')}, ${this.dialect.nowMs} + ${p.add(lease.termMs)})`;
    });
    await execute(
      tx,
      `insert into ${this.table.lease} (section, low, high, holder, token, lease_until) values ${rows.join(', ')}`,
      p.values,
    );
  }

  async renew(tx: Executor, section: string, parts: readonly LeasedPart[], termMs: number): Promise<LeasedPart[]> {
    const p = this.dialect.parameters();
    const { affected } = await execute(
      tx,
      `update ${this.table.lease} set lease_until = ${this.dialect.nowMs} + ${p.add(termMs)}
       where section = ${p.add(section)} and lease_until > ${this.dialect.nowMs} and (${anyOf(p, parts)})`,
      p.values,
    );
    return affected === parts.length ? [...parts] : this.running(tx, section, parts);
  }

  async release(tx: Executor, section: string, parts: readonly LeasedPart[]): Promise<void> {
    const p = this.dialect.parameters();
    await execute(
      tx,
      `delete from ${this.table.lease} where section = ${p.add(section)} and (${anyOf(p, parts)})`,
      p.values,
    );
  }

  /** @returns true when the member came or went */
  async heartbeat(tx: Executor, section: string, member: string, termMs: number): Promise<boolean> {
    if (await this.stays(tx, section, member, termMs)) return false;
    const old = this.dialect.parameters();
    await execute(
      tx,
      `delete from ${this.table.member}
       where section = ${old.add(section)} and (lease_until <= ${this.dialect.nowMs} or member = ${old.add(member)})`,
      old.values,
    );
    if (termMs === 0) return true;
    const p = this.dialect.parameters();
    await execute(
      tx,
      `insert into ${this.table.member} (section, member, lease_until)
       values (${p.add(section)}, ${p.add(member)}, ${this.dialect.nowMs} + ${p.add(termMs)})`,
      p.values,
    );
    return true;
  }

  async members(db: Executor, section: string): Promise<Member[]> {
    const p = this.dialect.parameters();
    const { rows } = await execute<{ member: string; left_ms: string | number }>(
      db,
      `select member, lease_until - ${this.dialect.nowMs} as left_ms from ${this.table.member}
       where section = ${p.add(section)}`,
      p.values,
    );
    return rows
      .map(({ member, left_ms }) => ({ id: member, endsInMs: Number(left_ms) }))
      .filter(({ endsInMs }) => endsInMs > 0);
  }

  /** Read by the primary key (section, low). */
  async leases(db: Executor, section: string): Promise<HeldLease[]> {
    const p = this.dialect.parameters();
    const { rows } = await execute<LeaseRow & { holder: string; left_ms: string | number }>(
      db,
      `select low, high, holder, lease_until - ${this.dialect.nowMs} as left_ms from ${this.table.lease}
       where section = ${p.add(section)} order by low`,
      p.values,
    );
    return rows
      .map(({ low, high, holder, left_ms }) => ({
        partition: fromSortableEnds(low, high),
        holder,
        endsInMs: Number(left_ms),
      }))
      .filter(({ endsInMs }) => endsInMs > 0);
  }

  /** A condition: between the lowest and the highest end of what is desired, or to be forgotten. */
  concerns(p: Parameters, { desired }: LeaseRequest): string {
    const [low, high] = spanOf(desired);
    return `(low < ${p.add(high)} and high > ${p.add(low)} or ${this.forgotten})`;
  }

  /** A condition: expired for so long that nobody needs to be told. */
  private get forgotten(): string {
    return `lease_until <= ${this.dialect.nowMs} - ${FORGET_EXPIRED_AFTER_MS}`;
  }

  private async stays(tx: Executor, section: string, member: string, termMs: number): Promise<boolean> {
    if (termMs === 0) return false;
    const p = this.dialect.parameters();
    const { affected } = await execute(
      tx,
      `update ${this.table.member} set lease_until = ${this.dialect.nowMs} + ${p.add(termMs)}
       where section = ${p.add(section)} and member = ${p.add(member)} and lease_until > ${this.dialect.nowMs}`,
      p.values,
    );
    return affected > 0;
  }

  /** Those of `parts` that have not expired. */
  private async running(tx: Executor, section: string, parts: readonly LeasedPart[]): Promise<LeasedPart[]> {
    const p = this.dialect.parameters();
    const { rows } = await execute<LeaseRow>(
      tx,
      `select low, high from ${this.table.lease}
       where section = ${p.add(section)} and lease_until > ${this.dialect.nowMs} and (${anyOf(p, parts)})`,
      p.values,
    );
    const running = new Set(rows.map(({ low, high }) => fromSortableEnds(low, high).toString()));
    return parts.filter(({ partition }) => running.has(partition.toString()));
  }
}

/** Each part under its own token: the low ends of one token's parts are listed together. */
export function anyOf(p: Parameters, parts: readonly LeasedPart[]): string {
  const lows = new Map<bigint, string[]>();
  for (const { partition, token } of parts) {
    const [low] = sortableEnds(partition);
    lows.set(token, [...(lows.get(token) ?? []), low]);
  }
  const named = [...lows].map(([token, keys]) => `token = ${p.add(String(token))} and ${p.oneOf('low', keys, 'text')}`);
  return named.length > 0 ? named.join(' or ') : '1 = 0';
}

/** From the lowest to the highest end of all of them; of nothing, an empty span. */
function spanOf(parts: readonly Partition[]): [low: string, high: string] {
  const ends = parts.map(sortableEnds);
  return [
    ends.map(([low]) => low).reduce((a, b) => (b < a ? b : a), 'g'),
    ends.map(([, high]) => high).reduce((a, b) => (b > a ? b : a), ''),
  ];
}
