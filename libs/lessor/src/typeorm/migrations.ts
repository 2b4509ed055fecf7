import {
  byteWiseText,
  checkTablePrefix,
  type DatabaseKind,
  DEFAULT_TABLE_PREFIX,
  dialectOf,
} from 'nestjs-turnpike/dialect';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { leaseTables } from './tables.js';

type Migration = new () => MigrationInterface;

/** What the store needs, for the `migrations` of your DataSource. It runs on every database. */
export const lessorMigrations: readonly Migration[] = lessorMigrationsFor(DEFAULT_TABLE_PREFIX);

/** The same for tables with another prefix than `turnpike_`; give the same one to the store. */
export function lessorMigrationsFor(prefix: string): readonly Migration[] {
  checkTablePrefix(prefix);
  return [createLeaseTables(prefix)];
}

/** An end of a part, as `sortableEnds` writes it: compared byte by byte, whatever the database's collation. */
const KEY: Record<DatabaseKind, string> = {
  postgres: 'varchar(65) collate "C"',
  mysql: 'varchar(65) character set ascii collate ascii_bin',
  sqlite: 'varchar(65)',
};

function createLeaseTables(prefix: string): Migration {
  return class CreateLeaseTables implements MigrationInterface {
    readonly name = `CreateLeaseTables_${prefix}1763683200000`;

    async up(runner: QueryRunner): Promise<void> {
      const dialect = dialectOf(runner.dataSource);
      const table = leaseTables(dialect, prefix);
      const [name, key] = [await byteWiseText(runner, 255), KEY[dialect.kind]];
      await runner.query(`create table ${table.section} (section ${name} not null primary key, token bigint not null)`);
      // Parts of a section do not overlap, so a low end names one; the key also serves the search for what overlaps.
      await runner.query(
        `create table ${table.lease} (section ${name} not null, low ${key} not null, high ${key} not null,
          holder ${name} not null, token bigint not null, lease_until bigint not null, primary key (section, low))`,
      );
      await runner.query(
        `create table ${table.member} (section ${name} not null, member ${name} not null,
          lease_until bigint not null, primary key (section, member))`,
      );
    }

    async down(runner: QueryRunner): Promise<void> {
      const table = leaseTables(dialectOf(runner.dataSource), prefix);
      for (const name of [table.member, table.lease, table.section]) await runner.query(`drop table ${name}`);
    }
  };
}
