import { DEFAULT_TABLE_PREFIX, type Dialect, dialectOf, execute } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import type { HeldKey, HeldKeyStore, HoldChanges } from '../core/held-key-store.js';
import { heldKeyTable } from './held-key-table.js';

interface Row {
  key: string;
  failed_job_id: string | number | bigint;
  since: string | number;
  last_error: string | null;
}

/** Five values a row: well within the 30,000 that fit a statement on every database. */
const ROWS_PER_STATEMENT = 1000;

/**
 * Held keys in the table that `barrierMigrations` makes. Every statement finds its rows by the primary key
 * (barrier, key), and takes connections of its own: it takes no part in a transaction of its caller.
 * On SQLite the DataSource must be one that `serializeSqlite` was applied to, as the module does.
 */
export class TypeOrmHeldKeyStore implements HeldKeyStore {
  private readonly dialect: Dialect;
  private readonly table: ReturnType<typeof heldKeyTable>;

  /** `tablePrefix` is the one that the migration was made with; `turnpike_` by default. */
  constructor(
    private readonly dataSource: DataSource,
    { tablePrefix = DEFAULT_TABLE_PREFIX }: { readonly tablePrefix?: string } = {},
  ) {
    this.dialect = dialectOf(dataSource);
    this.table = heldKeyTable(this.dialect, tablePrefix);
  }

  async load(barrier: string): Promise<HeldKey[]> {
    const { table } = this;
    const p = this.dialect.parameters();
    // As text: drivers that give 64-bit integers as numbers would round the large ones.
    const id = `cast(${table.failedJobId} as ${this.dialect.kind === 'mysql' ? 'char' : 'text'})`;
    const { rows } = await execute<Row>(
      this.dataSource,
      `select ${table.key}, ${id} as failed_job_id, ${table.since}, ${table.lastError} from ${table.name}
       where ${table.barrier} = ${p.add(barrier)} order by ${table.since}`,
      p.values,
    );
    return rows.map((row) => ({
      key: row.key,
      failedJobId: BigInt(row.failed_job_id),
      sinceMs: Number(row.since),
      lastError: row.last_error ?? undefined,
    }));
  }

  /** No transaction around the statements: a part that was applied is repeated by the next save, and harms nobody. */
  async save(barrier: string, { held, released }: HoldChanges): Promise<void> {
    for (const rows of chunksOf(held)) await this.upsert(barrier, rows);
    for (const keys of chunksOf(released)) await this.delete(barrier, keys);
  }

  private async upsert(barrier: string, held: readonly HeldKey[]): Promise<void> {
    const { table } = this;
    const p = this.dialect.parameters();
    const rows = p.rows(
      held.map((hold) => [barrier, hold.key, String(hold.failedJobId), hold.sinceMs, hold.lastError ?? null]),
    );
    await execute(
      this.dataSource,
      `insert into ${table.name} (${table.barrier}, ${table.key}, ${table.failedJobId}, ${table.since}, ${table.lastError})
       values ${rows} ${this.dialect.onConflict(['barrier', 'key'], ['failed_job_id', 'since', 'last_error'])}`,
      p.values,
    );
  }

  private async delete(barrier: string, keys: readonly string[]): Promise<void> {
    const { table } = this;
    const p = this.dialect.parameters();
    await execute(
      this.dataSource,
      `delete from ${table.name}
       where ${table.barrier} = ${p.add(barrier)} and ${p.oneOf(table.key, keys, 'text')}`,
      p.values,
    );
  }
}

function* chunksOf<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let from = 0; from < items.length; from += ROWS_PER_STATEMENT) {
    yield items.slice(from, from + ROWS_PER_STATEMENT);
  }
}
