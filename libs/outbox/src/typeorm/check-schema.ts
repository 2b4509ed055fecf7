import { execute } from 'nestjs-turnpike/dialect';
import { HASH_VERSION } from '../core/shard-map.js';
import { OutboxSchemaError } from '../outbox.errors.js';
import { SCHEMA_VERSION } from './create-outbox-tables.migration.js';
import type { OutboxDb } from './outbox-db.js';

/** How many shards the tables were made for. Throws `OutboxSchemaError`, which says what to do about it. */
export async function shardsOfSchema({ dataSource, tables }: OutboxDb, expected: number | undefined): Promise<number> {
  const { rows } = await execute<{ shards: string | number; version: number | null; made_for: number | null }>(
    dataSource,
    `select count(*) as shards, max(hash_version) as version, max(schema_version) as made_for from ${tables.shard}`,
  ).catch((error: unknown) => {
    throw new OutboxSchemaError(
      `The outbox's tables cannot be read. Add outboxMigrations of nestjs-turnpike/outbox to the DataSource's migrations ` +
        `(outboxMigrationsFor({ tablePrefix }) for another prefix than turnpike_), and run them (migrationsRun: true, ` +
        `npx nestjs-turnpike migrate, or the TypeORM CLI's migration:run).`,
      { cause: error },
    );
  });
  const shards = Number(rows[0]?.shards ?? 0);
  const { version, made_for: madeFor } = rows[0] ?? {};
  if (madeFor !== SCHEMA_VERSION) {
    const older = (madeFor ?? 0) < SCHEMA_VERSION;
    throw new OutboxSchemaError(
      `The outbox's tables have version ${String(madeFor)}, and this release of nestjs-turnpike works with ${SCHEMA_VERSION}: ` +
        (older
          ? 'run the migrations in outboxMigrations that are still to be run.'
          : 'install the release that made them.'),
    );
  }
  if (shards === 0 || version !== HASH_VERSION) {
    throw new OutboxSchemaError(
      `${tables.shard} has ${shards} shards of hash version ${String(version)}, but this version of nestjs-turnpike spreads ` +
        `keys by hash version ${HASH_VERSION}. Let the release that wrote the entries deliver them all, then revert and ` +
        `run CreateOutboxTables again.`,
    );
  }
  if (expected !== undefined && expected !== shards) {
    throw new OutboxSchemaError(
      `OutboxModule.forRoot({ shards: ${expected} }), but the tables were made for ${shards}. Keys would go to other shards ` +
        `than their earlier messages. Leave the option out, or deliver everything, and revert and run ` +
        `outboxMigrationsFor({ shards: ${expected} }).`,
    );
  }
  return shards;
}
