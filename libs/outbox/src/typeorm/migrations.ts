import { checkpointMigrations, checkpointMigrationsFor } from 'nestjs-turnpike/checkpoint';
import { DEFAULT_TABLE_PREFIX } from 'nestjs-turnpike/dialect';
import { lessorMigrations, lessorMigrationsFor } from 'nestjs-turnpike/lessor';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createOutboxTables, dropOutboxTables, type OutboxTablesOptions } from './create-outbox-tables.migration.js';

type Migration = new () => MigrationInterface;

/**
 * All that an outbox needs, for the `migrations` of your DataSource: its own tables, and those of checkpoint and lessor, on
 * which it stands. Where you list several libs' migrations, `[...new Set([...])]` keeps each once. It runs on every database.
 */
export const outboxMigrations: readonly Migration[] = [...checkpointMigrations, ...lessorMigrations, createTables({})];

/** The same for another number of shards or tables with another prefix; give the same prefix to `OutboxModule`. */
export function outboxMigrationsFor(options: OutboxTablesOptions = {}): readonly Migration[] {
  const { tablePrefix = DEFAULT_TABLE_PREFIX } = options;
  // The same classes for the same tables, so that listing them twice runs them once.
  const others =
    tablePrefix === DEFAULT_TABLE_PREFIX
      ? [...checkpointMigrations, ...lessorMigrations]
      : [...checkpointMigrationsFor(tablePrefix), ...lessorMigrationsFor(tablePrefix)];
  return [...others, createTables(options)];
}

function createTables(options: OutboxTablesOptions): Migration {
  const { tablePrefix = DEFAULT_TABLE_PREFIX } = options;
  return class CreateOutboxTables implements MigrationInterface {
    readonly name = `CreateOutboxTables_${tablePrefix}1763700000005`;

    up(runner: QueryRunner): Promise<void> {
      return createOutboxTables(runner, options);
    }

    down(runner: QueryRunner): Promise<void> {
      return dropOutboxTables(runner, options);
    }
  };
}
