import { byteWiseText, checkTablePrefix, DEFAULT_TABLE_PREFIX, dialectOf } from 'nestjs-turnpike/dialect';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { MAX_BARRIER_LENGTH, MAX_ERROR_LENGTH, MAX_KEY_LENGTH } from '../core/held-key-store.js';
import { heldKeyTable } from './held-key-table.js';

type Migration = new () => MigrationInterface;

/** What the store needs, for the `migrations` of your DataSource. It runs on every database. */
export const barrierMigrations: readonly Migration[] = barrierMigrationsFor(DEFAULT_TABLE_PREFIX);

/** The same for a table with another prefix than `turnpike_`; give the same one to the store. */
export function barrierMigrationsFor(prefix: string): readonly Migration[] {
  checkTablePrefix(prefix);
  return [createHeldKeyTable(prefix)];
}

function createHeldKeyTable(prefix: string): Migration {
  return class CreateHeldKeyTable implements MigrationInterface {
    readonly name = `CreateHeldKeyTable_${prefix}1763683200000`;

    async up(runner: QueryRunner): Promise<void> {
      const table = heldKeyTable(dialectOf(runner.dataSource), prefix);
      await runner.query(
        `create table ${table.name} (
          ${table.barrier} ${await byteWiseText(runner, MAX_BARRIER_LENGTH)} not null,
          ${table.key} ${await byteWiseText(runner, MAX_KEY_LENGTH)} not null,
          ${table.failedJobId} bigint not null,
          ${table.since} bigint not null,
          ${table.lastError} ${await byteWiseText(runner, MAX_ERROR_LENGTH)},
          primary key (${table.barrier}, ${table.key})
        )`,
      );
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(`drop table ${heldKeyTable(dialectOf(runner.dataSource), prefix).name}`);
    }
  };
}
