import { randomUUID } from 'node:crypto';
import { checkServer, dialectOf, execute, serializeSqlite, type Executor } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import { type BatchStore, type Claim, type NewBatch, type StoreStats } from '../core/batch-store.js';
import { CodecMismatchError } from '../queue.errors.js';
import { BatchStatements, type ClaimRequest, type Statement } from './batch-statements.js';
import { DEFAULT_TABLE_PREFIX, queueTables } from './queue-tables.js';

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

/** A statement on all databases takes at most 30,000 values; a batch is four. */
const APPEND_AT_ONCE = 5000;

/** Batches in the table that `queueMigrations` makes. It takes connections of its own, also inside a caller's transaction. */
export class TypeOrmBatchStore implements BatchStore {
  readonly shared = true;
  private readonly sql: BatchStatements;
  private readonly dataSource: DataSource;
  private readonly returning: boolean;

  constructor(private readonly options: TypeOrmBatchStoreOptions) {
    const { queue, dataSource, tablePrefix = DEFAULT_TABLE_PREFIX } = options;
    this.dataSource = serializeSqlite(dataSource);
    const dialect = dialectOf(dataSource);
    this.returning = dialect.kind !== 'mysql';
    this.sql = new BatchStatements(dialect, queueTables(tablePrefix).batch, queue);
  }

  async open(codec: string): Promise<void> {
    await checkServer(this.dataSource);
    const [other] = await this.rows<{ codec: string }>(this.sql.otherCodec(codec));
    if (other) throw new CodecMismatchError(this.options.queue, other.codec, codec);
  }

  async append(batches: readonly NewBatch[]): Promise<void> {
    if (batches.length <= APPEND_AT_ONCE) {
      await this.run(this.sql.append(batches));
      return;
    }
    await this.dataSource.transaction(async (tx) => {
      for (let from = 0; from < batches.length; from += APPEND_AT_ONCE) {
        await this.run(this.sql.append(batches.slice(from, from + APPEND_AT_ONCE)), tx);
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
