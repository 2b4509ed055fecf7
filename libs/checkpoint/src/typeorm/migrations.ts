import { byteWiseText, checkTablePrefix, DEFAULT_TABLE_PREFIX, dialectOf } from 'nestjs-turnpike/dialect';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { checkpointTable } from './checkpoint-table.js';

type Migration = new () => MigrationInterface;

/** What the store needs, for the `migrations` of your DataSource. It runs on every database. */
export const checkpointMigrations: readonly Migration[] = checkpointMigrationsFor(DEFAULT_TABLE_PREFIX);

/** The same for a table with another prefix than `turnpike_`; give the same one to the store. */
export function checkpointMigrationsFor(prefix: string): readonly Migration[] {
  checkTablePrefix(prefix);
  return [createCheckpointTable(prefix)];
}

function createCheckpointTable(prefix: string): Migration {
  return class CreateCheckpointTable implements MigrationInterface {
    readonly name = `CreateCheckpointTable_${prefix}1763683200000`;

    async up(runner: QueryRunner): Promise<void> {
      const dialect = dialectOf(runner.dataSource);
      const table = checkpointTable(dialect, prefix);
      const name = await byteWiseText(runner, 255);
      await runner.query(
        `create table ${table.name} (
          ${table.stream} ${name} not null,
          ${table.partition} ${name} not null,
          ${table.position} text ${dialect.kind === 'mysql' ? 'character set utf8mb4' : ''},
          ${table.epoch} bigint not null,
          ${table.updatedAt} bigint not null,
          primary key (${table.stream}, ${table.partition})
        )`,
      );
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(`drop table ${checkpointTable(dialectOf(runner.dataSource), prefix).name}`);
    }
  };
}
