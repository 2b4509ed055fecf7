import { randomUUID } from 'node:crypto';
import {
  checkServer,
  DEFAULT_TABLE_PREFIX,
  dialectOf,
  execute,
  type Executor,
  serializeSqlite,
} from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import {
  type BatchStore,
  type Claim,
  type NewBatch,
  type Replacement,
  type StoredDeadLetter,
  type StoreStats,
} from '../core/batch-store.js';
import { CodecMismatchError } from '../queue.errors.js';
import { BatchStatements, type ClaimRequest, type Statement } from './batch-statements.js';
import { DeadLetterStatements } from './dead-letter-statements.js';
import { queueTables } from './queue-tables.js';

export interface TypeOrmBatchStoreOptions {
  readonly queue: string;
  /** Initialized by its owner, before the store is opened, and destroyed after it is closed. */
  readonly dataSource: DataSource;
  /** The one that the migrations were made with: `turnpike_` by default. */
  readonly tablePrefix?: string | undefined;
}

interface BatchRow {
  readonly id: string | number;
  readonly codec: string;
  readonly items: number;
  readonly data: Buffer;
}

interface DeadLetterRow {
  readonly id: string | number;
  readonly died_at: string | number;
  readonly codec: string;
  readonly error: string;
  readonly data: Buffer;
}

/** A statement on all databases takes at most 30,000 values; a row is four. */
const ROWS_AT_ONCE = 5000;

/** Batches in the table that `queueMigrations` makes. It takes connections of its own, also inside a caller's transaction. */
export class TypeOrmBatchStore implements BatchStore {
  readonly shared = true;
  private readonly sql: BatchStatements;
  private readonly deadSql: DeadLetterStatements;
  private readonly dataSource: DataSource;
  private readonly returning: boolean;

  constructor(private readonly options: TypeOrmBatchStoreOptions) {
    const { queue, dataSource, tablePrefix = DEFAULT_TABLE_PREFIX } = options;
    this.dataSource = serializeSqlite(dataSource);
    const dialect = dialectOf(dataSource);
    this.returning = dialect.kind !== 'mysql';
    const tables = queueTables(tablePrefix);
    this.sql = new BatchStatements(dialect, tables.batch, queue);
    this.deadSql = new DeadLetterStatements(dialect, tables, queue);
  }

  async open(codec: string): Promise<void> {
    await checkServer(this.dataSource);
    const [other] = await this.rows<{ codec: string }>(this.sql.otherCodec(codec));
    if (other) throw new CodecMismatchError(this.options.queue, other.codec, codec);
  }

  async append(batches: readonly NewBatch[]): Promise<void> {
    if (batches.length <= ROWS_AT_ONCE) {
      await this.run(this.sql.append(batches));
      return;
    }
    await this.dataSource.transaction(async (tx) => {
      for (let from = 0; from < batches.length; from += ROWS_AT_ONCE) {
        await this.run(this.sql.append(batches.slice(from, from + ROWS_AT_ONCE)), tx);
      }
    });
  }

  async claim(limit: number, claimMs: number): Promise<Claim | undefined> {
    const request = { token: randomUUID(), limit, claimMs };
    const rows = this.returning
      ? await this.rows<BatchRow>(this.sql.claimReturning(request))
      : await this.selectThenTake(request);
    if (rows.length === 0) return undefined;
    // RETURNING promises no order.
    const batches = rows.map((row) => ({ ...row, id: Number(row.id) })).toSorted((a, b) => a.id - b.id);
    return { token: request.token, batches };
  }

  async nextDueInMs(): Promise<number | undefined> {
    const [row] = await this.rows<{ due_in: string | number | null }>(this.sql.nextDueIn());
    return row?.due_in === null || row === undefined ? undefined : Math.max(0, Number(row.due_in));
  }

  renew(claim: Claim, claimMs: number): Promise<boolean> {
    return this.writeAll(claim, this.sql.renew(claim, claimMs));
  }

  complete(claim: Claim): Promise<boolean> {
    return this.writeAll(claim, this.sql.complete(claim));
  }

  release(claim: Claim, cooldownMs: number): Promise<boolean> {
    return this.writeAll(claim, this.sql.release(claim, cooldownMs));
  }

  replace(claim: Claim, { rest, deadLetters }: Replacement): Promise<boolean> {
    return this.dataSource.transaction(async (tx) => {
      const held = await this.rows(this.sql.lockHeld(claim), tx);
      if (held.length < claim.batches.length) return false;
      await this.run(this.sql.complete(claim), tx);
      for (let from = 0; from < deadLetters.length; from += ROWS_AT_ONCE) {
        await this.run(this.deadSql.bury(deadLetters.slice(from, from + ROWS_AT_ONCE)), tx);
      }
      if (rest.length > 0) await this.run(this.sql.append(rest), tx);
      return true;
    });
  }

  async listDeadLetters(limit: number, afterId: number): Promise<StoredDeadLetter[]> {
    const rows = await this.rows<DeadLetterRow>(this.deadSql.list(limit, afterId));
    return rows.map(({ id, died_at: diedAt, ...row }) => ({ ...row, id: Number(id), diedAtMs: Number(diedAt) }));
  }

  requeueDeadLetters(ids: readonly number[]): Promise<number> {
    return this.dataSource.transaction(async (tx) => {
      const locked = (await this.rows<{ id: string | number }>(this.deadSql.lock(ids), tx)).map(({ id }) => Number(id));
      if (locked.length === 0) return 0;
      await this.run(this.deadSql.requeue(locked), tx);
      await this.run(this.deadSql.purge(locked), tx);
      return locked.length;
    });
  }

  async purgeDeadLetters(ids: readonly number[]): Promise<number> {
    return (await this.run(this.deadSql.purge(ids))).affected;
  }

  async stats(): Promise<StoreStats> {
    const [row] = await this.rows<Record<'batches' | 'items' | 'age', string | number | null>>(this.sql.stats());
    return {
      batches: Number(row?.batches ?? 0),
      items: Number(row?.items ?? 0),
      oldestAgeMs: typeof row?.age === 'string' || typeof row?.age === 'number' ? Number(row.age) : undefined,
    };
  }

  /** The DataSource is its owner's. */
  async close(): Promise<void> {}

  /**
   * READ COMMITTED keeps locks on the selected rows only; under REPEATABLE READ, InnoDB also keeps them on the rows and
   * gaps it walked over, and appends would wait for claims.
   */
  private selectThenTake(request: ClaimRequest): Promise<BatchRow[]> {
    return this.dataSource.transaction('READ COMMITTED', async (tx) => {
      const rows = await this.rows<BatchRow>(this.sql.selectAvailable(request.limit), tx);
      const ids = rows.map(({ id }) => Number(id));
      if (ids.length > 0) await this.run(this.sql.take(ids, request), tx);
      return rows;
    });
  }

  private async writeAll(claim: Claim, statement: Statement): Promise<boolean> {
    return (await this.run(statement)).affected === claim.batches.length;
  }

  private async rows<Row>(statement: Statement, executor?: Executor): Promise<Row[]> {
    return (await execute<Row>(executor ?? this.dataSource, statement.text, statement.values)).rows;
  }

  private run({ text, values }: Statement, executor: Executor = this.dataSource) {
    return execute(executor, text, values);
  }
}
