import { DEFAULT_TABLE_PREFIX, type Dialect, dialectOf, execute, type Executor } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import {
  type CheckpointStore,
  checkPartitions,
  type JsonValue,
  type OpenedCheckpoint,
} from '../core/checkpoint-store.js';
import { checkpointTable } from './checkpoint-table.js';

interface Row {
  partition: string;
  position: string | null;
  epoch: string | number;
}

/**
 * Checkpoints in the table that `checkpointMigrations` makes. Every statement finds its rows by the primary key
 * (stream, partition), and takes connections of its own: it takes no part in a transaction of its caller.
 * On SQLite the DataSource must be one that `serializeSqlite` was applied to, as the modules do.
 */
export class TypeOrmCheckpointStore implements CheckpointStore {
  private readonly dialect: Dialect;
  private readonly table: ReturnType<typeof checkpointTable>;

  /** `tablePrefix` is the one that the migration was made with; `turnpike_` by default. */
  constructor(
    private readonly dataSource: DataSource,
    { tablePrefix = DEFAULT_TABLE_PREFIX }: { readonly tablePrefix?: string } = {},
  ) {
    this.dialect = dialectOf(dataSource);
    this.table = checkpointTable(this.dialect, tablePrefix);
  }

  async open(stream: string, partition: string): Promise<OpenedCheckpoint> {
    const [row] = await this.takeOver(stream, [partition]);
    return opened(row as Row);
  }

  async openAll(stream: string, partitions: readonly string[]): Promise<ReadonlyMap<string, OpenedCheckpoint>> {
    checkPartitions(partitions);
    if (partitions.length === 0) return new Map();
    // Sorted: two owners that take the same rows in different orders would deadlock.
    const rows = await this.takeOver(stream, [...new Set(partitions)].toSorted());
    return new Map(rows.map((row) => [row.partition, opened(row)]));
  }

  /** Fenced by the epoch: whoever opened since has raised it, and an update that waited for that opening finds no row. */
  async save(stream: string, partition: string, epoch: bigint, position: JsonValue): Promise<boolean> {
    const { dialect, table } = this;
    const p = dialect.parameters();
    const { affected } = await execute(
      this.dataSource,
      `update ${table.name} set ${table.position} = ${p.add(JSON.stringify(position))}, ${table.updatedAt} = ${dialect.nowMs}
       where ${table.stream} = ${p.add(stream)} and ${table.partition} = ${p.add(partition)} and ${table.epoch} = ${p.add(epoch)}`,
      p.values,
    );
    return affected === 1;
  }

  /** The rows of these partitions, with their epochs raised. */
  private takeOver(stream: string, partitions: readonly string[]): Promise<Row[]> {
    return this.dialect.kind === 'mysql'
      ? this.raiseThenRead(stream, partitions)
      : this.raise(this.dataSource, stream, partitions);
  }

  /** Inserts each row with epoch 1, or raises the epoch of the one that is there, in one statement. */
  private async raise(executor: Executor, stream: string, partitions: readonly string[]): Promise<Row[]> {
    const { dialect, table } = this;
    const p = dialect.parameters();
    const rows = partitions.map((partition) => `(${p.add(stream)}, ${p.add(partition)}, 1, ${dialect.nowMs})`);
    const update = `${table.epoch} = ${table.name}.${table.epoch} + 1, ${table.updatedAt} = ${dialect.nowMs}`;
    const { rows: raised } = await execute<Row>(
      executor,
      `insert into ${table.name} (${table.stream}, ${table.partition}, ${table.epoch}, ${table.updatedAt})
       values ${rows.join(', ')}
       ${
         dialect.kind === 'mysql'
           ? `on duplicate key update ${update}`
           : `on conflict (${table.stream}, ${table.partition}) do update set ${update}
              returning ${table.partition}, ${table.position}, ${table.epoch}`
       }`,
      p.values,
    );
    return raised;
  }

  /** MySQL cannot return what an upsert wrote (and MariaDB's own syntax for it differs); its rows stay locked until the read. */
  private raiseThenRead(stream: string, partitions: readonly string[]): Promise<Row[]> {
    const { table } = this;
    return this.dataSource.transaction(async ({ queryRunner }) => {
      const runner = queryRunner as NonNullable<typeof queryRunner>;
      await this.raise(runner, stream, partitions);
      const p = this.dialect.parameters();
      const { rows } = await execute<Row>(
        runner,
        `select ${table.partition}, ${table.position}, ${table.epoch} from ${table.name}
         where ${table.stream} = ${p.add(stream)} and ${p.oneOf(table.partition, partitions, 'text')}`,
        p.values,
      );
      return rows;
    });
  }
}

function opened({ position, epoch }: Row): OpenedCheckpoint {
  return { position: position === null ? undefined : (JSON.parse(position) as JsonValue), epoch: BigInt(epoch) };
}
