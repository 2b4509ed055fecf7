import { dialectOf } from 'nestjs-turnpike/dialect';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { checkpointTable, checkPrefix, DEFAULT_TABLE_PREFIX } from './checkpoint-table.js';

type Migration = new () => MigrationInterface;

/** What the store needs, for the `migrations` of your DataSource. It runs on every database. */
export const checkpointMigrations: readonly Migration[] = checkpointMigrationsFor(DEFAULT_TABLE_PREFIX);

/** The same for a table with another prefix than `turnpike_`; give the same one to the store. */
export function checkpointMigrationsFor(prefix: string): readonly Migration[] {
  checkPrefix(prefix);
  return [createCheckpointTable(prefix)];
}

function createCheckpointTable(prefix: string): Migration {
  return class CreateCheckpointTable implements MigrationInterface {
    readonly name = `CreateCheckpointTable_${prefix}1763683200000`;

    async up(runner: QueryRunner): Promise<void> {
      const table = checkpointTable(dialectOf(runner.dataSource), prefix);
      await runner.query(
        `create table ${table.name} (
          ${table.stream} varchar(255) not null,
          ${table.partition} varchar(255) not null,
          ${table.position} text,
          ${table.epoch} bigint not null,
          ${table.updatedAt} bigint not null,
          primary key (${table.stream}, ${table.partition})
        ) ${await bytewise(runner)}`,
      );
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(`drop table ${checkpointTable(dialectOf(runner.dataSource), prefix).name}`);
    }
  };
}

/**
 * Appended to a `create table`, so that names which differ in case, in an accent or in a blank at the end are different.
 * Postgres and SQLite compare so by default.
 */
async function bytewise(runner: QueryRunner): Promise<string> {
  if (dialectOf(runner.dataSource).kind !== 'mysql') return '';
  // utf8mb4_bin ignores blanks at the end, and the one that does not has another name on MariaDB.
  const [{ version }] = (await runner.query('select version() as version')) as [{ version: string }];
  const collation = version.includes('MariaDB') ? 'utf8mb4_nopad_bin' : 'utf8mb4_0900_bin';
  return `engine = InnoDB default character set utf8mb4 collate ${collation}`;
}
