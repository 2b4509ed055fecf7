import { checkpointMigrations } from 'nestjs-turnpike/checkpoint';
import { lessorMigrations } from 'nestjs-turnpike/lessor';
import type { MigrationInterface } from 'typeorm';
import { CreateOutboxTables1763700000005 } from './create-outbox-tables.migration.js';

/**
 * All that the outbox needs, for the `migrations` of your DataSource: its own tables, and those of checkpoint and lessor,
 * on which it stands. Where you list several libs' migrations, `[...new Set([...])]` keeps each once.
 */
export const outboxMigrations: readonly (new () => MigrationInterface)[] = [
  ...checkpointMigrations,
  ...lessorMigrations,
  CreateOutboxTables1763700000005,
];
