import { DEFAULT_TABLE_PREFIX, type Dialect, dialectOf, serializeSqlite, whileLocked } from 'nestjs-turnpike/dialect';
import { checkOption } from 'nestjs-turnpike/timing';
import { QueryFailedError, type DataSource, type EntityManager } from 'typeorm';
import { freeParts } from '../core/free-parts.js';
import type { LeaseGrant, LeaseRequest, LeaseStore, LeasedPart, Member } from '../core/lease-store.js';
import { LeaseStatements, type HeldLease } from './lease-statements.js';
import { PostgresLeases, TAKE_A_TURN } from './postgres-leases.js';
import { PostgresWatch } from './postgres-watch.js';
import { leaseTables, type LeaseTables } from './tables.js';

export interface TypeOrmLeaseStoreOptions {
  /** What the tables' names begin with; that of the migrations. Default: `turnpike_`. */
  readonly tablePrefix?: string;
}

/**
 * Leases in the user's database. Calls of one section take turns: a transaction of its own, on a connection of its own,
 * that first locks the section's row. Nobody waits for a second lock, so there is no deadlock. On Postgres a statement is
 * a turn as a rule (`PostgresLeases`).
 */
export class TypeOrmLeaseStore implements LeaseStore {
  private readonly dialect: Dialect;
  private readonly tables: LeaseTables;
  private readonly statements: LeaseStatements;
  private readonly postgres: PostgresLeases | undefined;
  /** On Postgres, by NOTIFY. */
  readonly watch: LeaseStore['watch'];

  constructor(
    private readonly dataSource: DataSource,
    { tablePrefix = DEFAULT_TABLE_PREFIX }: TypeOrmLeaseStoreOptions = {},
  ) {
    this.dialect = dialectOf(serializeSqlite(dataSource));
    this.tables = leaseTables(this.dialect, tablePrefix);
    this.statements = new LeaseStatements(this.dialect, this.tables);
    if (this.dialect.kind === 'postgres') {
      const channel = `${tablePrefix}lease`;
      const watch = new PostgresWatch(dataSource, channel);
      this.watch = (section, listener) => watch.add(section, listener);
      this.postgres = new PostgresLeases(dataSource, this.dialect, this.tables, this.statements, channel);
    }
  }

  acquire(request: LeaseRequest): Promise<LeaseGrant> {
    return this.call(
      request.section,
      (postgres) => postgres.acquire(request),
      (tx) => this.acquireInTurn(tx, request),
    );
  }

  renew(section: string, parts: readonly LeasedPart[], termMs: number): Promise<LeasedPart[]> {
    return this.call(
      section,
      (postgres) => postgres.renew(section, parts, termMs),
      (tx) => this.statements.renew(tx, section, parts, termMs),
    );
  }

  release(section: string, parts: readonly LeasedPart[]): Promise<void> {
    return this.call(
      section,
      (postgres) => postgres.release(section, parts),
      async (tx) => {
        await this.statements.release(tx, section, parts);
        await this.postgres?.notify(tx, section);
      },
    );
  }

  heartbeat(section: string, member: string, termMs: number): Promise<void> {
    return this.call(
      section,
      (postgres) => postgres.heartbeat(section, member, termMs),
      async (tx) => {
        const changed = await this.statements.heartbeat(tx, section, member, termMs);
        if (changed) await this.postgres?.notify(tx, section);
      },
    );
  }

  members(section: string): Promise<Member[]> {
    return this.statements.members(this.dataSource, section);
  }

  /** Who holds what of the section right now, in all processes, in the order of the key space; for people who look. */
  leases(section: string): Promise<HeldLease[]> {
    return this.statements.leases(this.dataSource, section);
  }

  /** In statements of their own where the database can do that and lets them through, else in a turn. */
  private async call<R>(
    section: string,
    statements: (postgres: PostgresLeases) => Promise<R | typeof TAKE_A_TURN>,
    turn: (tx: EntityManager) => Promise<R>,
  ): Promise<R> {
    checkOption('section', section, section.length <= MAX_NAME_LENGTH, `have at most ${MAX_NAME_LENGTH} characters`);
    if (!this.postgres) return this.inTurn(section, turn);
    const answer = await statements(this.postgres).catch(refusedByIsolation);
    return answer === TAKE_A_TURN ? this.inTurn(section, turn) : answer;
  }

  /** Runs `work` while no other call of the section does. */
  private inTurn<R>(section: string, work: (tx: EntityManager) => Promise<R>): Promise<R> {
    const lock = { table: this.tables.section, column: 'section', name: section, row: { token: 0 } };
    return whileLocked(this.dataSource, lock, work);
  }

  private async acquireInTurn(tx: EntityManager, request: LeaseRequest): Promise<LeaseGrant> {
    const seen = (await this.statements.look(tx, request))!;
    const free = freeParts(request.desired, seen.leases, request.limit);
    await (this.postgres ?? this.statements).grant(tx, request, free, seen);
    return { token: seen.token + 1n, parts: free.parts, freeInMs: free.freeInMs };
  }
}

const MAX_NAME_LENGTH = 255;

/**
 * Where the default isolation level is stricter than READ COMMITTED, Postgres refuses a statement that waited for a row
 * which then changed (40001). A turn says which level it wants.
 */
function refusedByIsolation(error: unknown): typeof TAKE_A_TURN {
  if (error instanceof QueryFailedError && (error.driverError as { code?: string }).code === '40001')
    return TAKE_A_TURN;
  throw error;
}
