import { byteWiseText, type DatabaseKind, DEFAULT_TABLE_PREFIX, dialectOf } from 'nestjs-turnpike/dialect';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { queueTables } from './queue-tables.js';

type Migration = new () => MigrationInterface;

/** What a queue on a DataSource needs, for its `migrations`. It runs on every database. */
export const queueMigrations: readonly Migration[] = queueMigrationsFor(DEFAULT_TABLE_PREFIX);

/** The same for tables with another prefix than `turnpike_`; give the same one to the queue. */
export function queueMigrationsFor(prefix: string): readonly Migration[] {
  return [createQueueTables(prefix)];
}

/** Ids are never given twice, also after the newest rows were deleted: AUTOINCREMENT, not SQLite's plain rowid. */
const ID: Readonly<Record<DatabaseKind, string>> = {
  postgres: 'bigint generated always as identity primary key',
  mysql: 'bigint not null auto_increment primary key',
  sqlite: 'integer primary key autoincrement',
};

const BYTES: Readonly<Record<DatabaseKind, string>> = { postgres: 'bytea', mysql: 'longblob', sqlite: 'blob' };

function createQueueTables(prefix: string): Migration {
  const { batch, deadLetter } = queueTables(prefix);
  return class CreateQueueTables implements MigrationInterface {
    readonly name = `CreateQueueTables_${prefix}1763683200000`;

    async up(runner: QueryRunner): Promise<void> {
      const { kind } = dialectOf(runner.dataSource);
      const queue = `queue ${await byteWiseText(runner, 100)} not null`;
      // `data` comes last: SQLite reads a long row only up to the column it needs.
      await runner.query(
        `create table ${batch} (
          id ${ID[kind]},
          ${queue},
          stored_at bigint not null,
          available_at bigint not null,
          token varchar(36),
          codec varchar(100) not null,
          items int not null,
          data ${BYTES[kind]} not null
        ) ${{ postgres: VACUUM, mysql: INNODB, sqlite: '' }[kind]}`,
      );
      await runner.query(`create index ${batch}_available on ${batch} (queue, available_at, id)`);
      await runner.query(
        `create table ${deadLetter} (
          id ${ID[kind]},
          ${queue},
          died_at bigint not null,
          codec varchar(100) not null,
          error text not null,
          data ${BYTES[kind]} not null
        ) ${kind === 'mysql' ? INNODB : ''}`,
      );
      await runner.query(`create index ${deadLetter}_queue_id on ${deadLetter} (queue, id)`);
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(`drop table ${deadLetter}`);
      await runner.query(`drop table ${batch}`);
    }
  };
}

/**
 * Every claim and completion leaves a dead row version in front of the oldest batch, so vacuum must come by their count
 * and not by the table's size.
 */
const VACUUM = 'with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)';

/** Every letter in every column, also where the database's default is latin1. */
const INNODB = 'engine = innodb default character set utf8mb4';
