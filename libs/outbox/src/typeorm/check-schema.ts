import { execute } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import { HASH_VERSION } from '../core/shard-map.js';
import { OutboxSchemaError } from '../outbox.errors.js';
import { TABLES } from './tables.js';

/** How many shards the tables were made for. Throws `OutboxSchemaError`, which says what to do about it. */
export async function shardsOfSchema(dataSource: DataSource): Promise<number> {
  const { rows } = await execute<{ shards: string | number; version: number | null }>(
    dataSource,
    `select count(*) as shards, max(hash_version) as version from ${TABLES.shard}`,
  ).catch((error: unknown) => {
    throw new OutboxSchemaError(
      `The outbox's tables cannot be read. Add outboxMigrations of nestjs-turnpike/outbox to the DataSource's migrations ` +
        `and run them (migrationsRun: true, or the TypeORM CLI's migration:run).`,
      { cause: error },
    );
  });
  const shards = Number(rows[0]?.shards ?? 0);
  const version = rows[0]?.version;
  if (shards === 0 || version !== HASH_VERSION) {
    throw new OutboxSchemaError(
      `${TABLES.shard} has ${shards} shards of hash version ${String(version)}, but this version of nestjs-turnpike spreads ` +
        `keys by hash version ${HASH_VERSION}. Let the release that wrote the entries deliver them all, then revert and ` +
        `run CreateOutboxTables again.`,
    );
  }
  return shards;
}
