import { setTimeout as sleep } from 'node:timers/promises';
import { QueryFailedError, type DataSource, type QueryRunner } from 'typeorm';
import { SqliteDeadlockError } from './dialect.errors.js';
import { SqliteTurns, type Frame } from './sqlite-turns.js';

/** What we use of better-sqlite3's Database. */
interface Connection {
  readonly inTransaction: boolean;
  pragma(text: string): unknown;
  exec(sql: string): unknown;
}

/** What we use of TypeORM's better-sqlite3 driver and its runner, which its types keep to themselves. */
interface SqliteDriver {
  databaseConnection: Connection | undefined;
  queryRunner: QueryRunner | undefined;
  createQueryRunner(mode: 'master' | 'slave'): QueryRunner;
}
interface SqliteRunner {
  readonly dataSource: DataSource;
  readonly isTransactionActive: boolean;
  stmtCache: Map<string, unknown>;
  startTransaction(isolation?: IsolationLevel): Promise<void>;
  release(): Promise<void>;
  query(statement: string, ...args: unknown[]): Promise<unknown>;
}
type RunnerBase = new (driver: SqliteDriver) => SqliteRunner;

type IsolationLevel = Parameters<QueryRunner['startTransaction']>[0];

const SERIALIZED = Symbol('turnpike.serialized');
const BUSY_RETRY_MS = 5;
const DEFAULT_TIMEOUT_MS = 5000;

/**
 * Gives every QueryRunner of a SQLite DataSource its own transactions. Returns the same DataSource; a second call, and
 * a DataSource of another database, change nothing.
 *
 * TypeORM hands all users of a SQLite DataSource the same runner. Two overlapping transactions then merge into one, and
 * the rollback of either takes the other's rows along, or keeps its own, without an error. Here a runner takes the one
 * connection in FIFO turns: a transaction until it ends, a lone statement for itself.
 *
 * - Transactions are BEGIN IMMEDIATE: a deferred one that reads first can fail later with SQLITE_BUSY for good.
 * - When another process holds the file, a statement is tried again without blocking the event loop, for the
 *   DataSource's `timeout` (5000 ms by default); better-sqlite3 itself would wait with the whole process stopped.
 * - A statement on another runner inside an open transaction would wait for itself: `SqliteDeadlockError`. What is
 *   "inside" is known by AsyncLocalStorage: exactly for `transaction(callback)`. After `queryRunner.startTransaction()`
 *   it is whatever its caller goes on to do, so await what you start before you query elsewhere.
 * - A runner released with its transaction open is rolled back, so that it cannot keep the connection for ever.
 */
export function serializeSqlite(dataSource: DataSource): DataSource {
  const marked = dataSource as DataSource & { [SERIALIZED]?: true };
  if (dataSource.options.type !== 'better-sqlite3' || marked[SERIALIZED]) return dataSource;
  marked[SERIALIZED] = true;

  const turns = new SqliteTurns<object>();
  const driver = dataSource.driver as unknown as SqliteDriver;
  const Base = driver.createQueryRunner('master').constructor as unknown as RunnerBase;
  const Runner = serialRunner(Base, turns, dataSource.options.timeout ?? DEFAULT_TIMEOUT_MS);
  driver.queryRunner = undefined;
  driver.createQueryRunner = () => new Runner(driver) as unknown as QueryRunner;

  const manager = dataSource.manager;
  const transaction = manager.transaction.bind(manager) as (...args: unknown[]) => Promise<unknown>;
  // A frame of its own, or what the caller does beside the transaction would count as inside it.
  manager.transaction = (...args: unknown[]) => turns.run(() => transaction(...args)) as Promise<never>;
  return dataSource;
}

function serialRunner(Base: RunnerBase, turns: SqliteTurns<object>, timeoutMs: number): RunnerBase {
  // A runner per transaction must not mean a prepare per statement: the connection keeps what was prepared on it.
  const prepared = new WeakMap<Connection, Map<string, unknown>>();

  return class SerialSqliteQueryRunner extends Base {
    private frame: Frame<object> | undefined;
    private turn: Promise<void> | undefined;
    private running = 0;

    constructor(private readonly sqlite: SqliteDriver) {
      super(sqlite);
      const connection = sqlite.databaseConnection;
      if (!connection) return;
      const statements = prepared.get(connection);
      if (statements) this.stmtCache = statements;
      else {
        prepared.set(connection, this.stmtCache);
        connection.pragma('busy_timeout = 0');
      }
    }

    override async startTransaction(isolation?: IsolationLevel): Promise<void> {
      this.refuseDeadlock('BEGIN TRANSACTION');
      if (!this.isTransactionActive) this.frame = turns.enter(this);
      try {
        await super.startTransaction(isolation);
      } catch (error) {
        if (!turns.holds(this)) this.leaveFrame();
        throw error;
      }
    }

    override async query(statement: string, ...args: unknown[]): Promise<unknown> {
      this.refuseDeadlock(statement);
      const text = statement === 'BEGIN TRANSACTION' ? 'BEGIN IMMEDIATE TRANSACTION' : statement;
      this.running += 1;
      try {
        await this.takeTurn();
        return await unlessBusy(() => super.query(text, ...args), timeoutMs);
      } finally {
        this.running -= 1;
        this.endTurn();
      }
    }

    override async release(): Promise<void> {
      if (turns.holds(this) && this.running === 0 && this.sqlite.databaseConnection?.inTransaction) {
        this.dataSource.logger.log('warn', 'A QueryRunner was released inside an open transaction: rolled back.');
        this.sqlite.databaseConnection.exec('ROLLBACK');
        this.endTurn();
      }
      await super.release();
    }

    private refuseDeadlock(statement: string): void {
      if (!turns.holds(this) && turns.wouldWaitForItself(this)) throw new SqliteDeadlockError(statement);
    }

    /** Statements that are asked for side by side on one runner share its turn. */
    private async takeTurn(): Promise<void> {
      if (turns.holds(this)) return;
      this.turn ??= turns.take(this).finally(() => (this.turn = undefined));
      await this.turn;
    }

    /** The connection itself says whether a transaction is open, whoever began or ended it, in whatever way. */
    private endTurn(): void {
      if (this.running > 0 || !turns.holds(this) || this.sqlite.databaseConnection?.inTransaction) return;
      this.leaveFrame();
      turns.pass();
    }

    private leaveFrame(): void {
      if (this.frame) this.frame.holder = undefined;
      this.frame = undefined;
    }
  };
}

/** SQLITE_BUSY means that the statement did nothing, because another process has the file: it can be tried again. */
async function unlessBusy<R>(statement: () => Promise<R>, timeoutMs: number): Promise<R> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await statement();
    } catch (error) {
      if (!isBusy(error) || performance.now() >= endMs) throw error;
      await sleep(BUSY_RETRY_MS);
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof QueryFailedError && (error.driverError as { code?: string }).code === 'SQLITE_BUSY';
}
