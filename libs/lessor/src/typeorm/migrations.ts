import { dialectOf, type DatabaseKind } from 'nestjs-turnpike/dialect';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { checkPrefix, DEFAULT_PREFIX, leaseTables } from './tables.js';

type Migration = new () => MigrationInterface;

/** The lessor's migrations, for the `migrations` of your DataSource. They run on every database. */
export const lessorMigrations: readonly Migration[] = lessorMigrationsFor(DEFAULT_PREFIX);

/** The same for tables with another prefix than `turnpike_`; give the same one to the lessor. */
export function lessorMigrationsFor(prefix: string): readonly Migration[] {
  checkPrefix(prefix);
  return [createLeaseTables(prefix)];
}

/** Text that is compared byte for byte: two names that differ in case are two sections. */
const NAME: Record<DatabaseKind, string> = {
  postgres: 'varchar(255) collate "C"',
  mysql: 'varchar(255) character set utf8mb4 collate utf8mb4_bin',
  sqlite: 'varchar(255)',
};

/** An end of a part as `sortableKey` writes it. */
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
      const [name, key] = [NAME[dialect.kind], KEY[dialect.kind]];
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
