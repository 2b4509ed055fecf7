import { DEFAULT_TABLE_PREFIX, type Dialect, dialectOf, serializeSqlite } from 'nestjs-turnpike/dialect';
import { checkOption } from 'nestjs-turnpike/timing';
import type { DataSource, EntityManager } from 'typeorm';
import { freeParts } from '../core/free-parts.js';
import type { LeaseGrant, LeaseRequest, LeaseStore, LeasedPart, Member } from '../core/lease-store.js';
import { LeaseStatements } from './lease-statements.js';
import { PostgresShortcuts } from './postgres-shortcuts.js';
import { PostgresWatch } from './postgres-watch.js';
import { leaseTables } from './tables.js';

export interface TypeOrmLeaseStoreOptions {
  /** What the tables' names begin with; that of the migrations. Default: `turnpike_`. */
  readonly tablePrefix?: string;
}

/**
 * Leases in the user's database. Every writing call is a transaction of its own, on a connection of its own, that first
 * locks the section's row: calls of one section take turns, and nobody waits for a second lock, so there is no deadlock.
 *
 * READ COMMITTED, because what a turn reads must be what the turn before committed: a snapshot taken while waiting for
 * the lock is older than that. On MySQL it also spares the gap locks, which reach into the neighbouring sections' rows
 * and do deadlock.
 */
export class TypeOrmLeaseStore implements LeaseStore {
  private readonly dialect: Dialect;
  private readonly statements: LeaseStatements;
  private readonly shortcuts: PostgresShortcuts | undefined;
  /** On Postgres, by NOTIFY. */
  readonly watch: LeaseStore['watch'];

  constructor(
    private readonly dataSource: DataSource,
    { tablePrefix = DEFAULT_TABLE_PREFIX }: TypeOrmLeaseStoreOptions = {},
  ) {
    this.dialect = dialectOf(serializeSqlite(dataSource));
    const tables = leaseTables(this.dialect, tablePrefix);
    this.statements = new LeaseStatements(this.dialect, tables);
    if (this.dialect.kind === 'postgres') {
      const channel = `${tablePrefix}lease`;
      const watch = new PostgresWatch(dataSource, channel);
      this.watch = (section, listener) => watch.add(section, listener);
      this.shortcuts = new PostgresShortcuts(this.dialect, tables, channel);
    }
  }

  async acquire(request: LeaseRequest): Promise<LeaseGrant> {
    return (await this.shortcuts?.acquire(this.dataSource, request)) ?? this.acquireInTurn(request);
  }

  renew(section: string, parts: readonly LeasedPart[], termMs: number): Promise<LeasedPart[]> {
    return this.inTurn(section, (tx) => this.statements.renew(tx, section, parts, termMs));
  }

  release(section: string, parts: readonly LeasedPart[]): Promise<void> {
    if (this.shortcuts) return this.shortcuts.release(this.dataSource, section, parts);
    return this.inTurn(section, (tx) => this.statements.release(tx, section, parts));
  }

  heartbeat(section: string, member: string, termMs: number): Promise<void> {
    return this.inTurn(section, async (tx) => {
      const changed = await this.statements.heartbeat(tx, section, member, termMs);
      if (changed) await this.shortcuts?.notify(tx, section);
    });
  }

  members(section: string): Promise<Member[]> {
    return this.statements.members(this.dataSource, section);
  }

  private acquireInTurn({ section, holder, desired, termMs, limit }: LeaseRequest): Promise<LeaseGrant> {
    return this.inTurn(section, async (tx, lastToken) => {
      const token = lastToken + 1n;
      const stored = await this.statements.leases(tx, section, desired);
      const free = freeParts(desired, stored, limit);
      const parts = free.parts.map(({ partition }) => partition);
      await this.statements.setToken(tx, section, token);
      if (stored.some(({ leftMs }) => leftMs <= 0)) await this.statements.deleteExpired(tx, section, parts);
      await this.statements.insert(tx, { section, holder, token, termMs }, parts);
      return { token, ...free };
    });
  }

  /** Runs `work` while no other call of the section does. */
  private async inTurn<R>(section: string, work: (tx: EntityManager, lastToken: bigint) => Promise<R>): Promise<R> {
    checkOption('section', section, section.length <= MAX_NAME_LENGTH, `have at most ${MAX_NAME_LENGTH} characters`);
    const isolation = this.dialect.kind === 'sqlite' ? 'SERIALIZABLE' : 'READ COMMITTED';
    const attempt = (): Promise<R | typeof NO_SECTION> =>
      this.dataSource.transaction(isolation, async (tx) => {
        const lastToken = await this.statements.lock(tx, section);
        return lastToken === undefined ? NO_SECTION : work(tx, lastToken);
      });
    const result = await attempt();
    if (result !== NO_SECTION) return result;
    // In a statement of its own: two transactions that insert the same key and then lock it can deadlock on MySQL.
    await this.statements.createSection(this.dataSource, section);
    return (await attempt()) as R;
  }
}

const MAX_NAME_LENGTH = 255;

/** The section's first call. */
const NO_SECTION = Symbol('no section');
