import { byteWiseText, dialectOf, execute, type DatabaseKind } from 'nestjs-turnpike/dialect';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { MAX_TEXT_LENGTH } from '../core/encode-message.js';
import { HASH_VERSION } from '../core/shard-map.js';
import { DEFAULT_SHARDS, TABLES } from './tables.js';

/** How each database names what the tables need. */
const TYPES: Record<
  DatabaseKind,
  { bytes: string; text: string; entryId: string; entryKeys: string; options: string }
> = {
  // CACHE 1: a session that kept ids in advance would use them after others had drawn higher ones.
  postgres: {
    bytes: 'bytea',
    text: 'text',
    entryId: 'bigint generated always as identity (cache 1)',
    entryKeys: ', primary key (shard, id)',
    options: '',
  },
  // AUTOINCREMENT: without it, the ids of an emptied table begin again.
  sqlite: { bytes: 'blob', text: 'text', entryId: 'integer primary key autoincrement', entryKeys: '', options: '' },
  // InnoDB wants the auto-increment column first in some index, and the clustered one by (shard, id) is for reading.
  mysql: {
    bytes: 'longblob',
    text: 'longtext',
    entryId: 'bigint not null auto_increment',
    entryKeys: ', primary key (shard, id), unique key turnpike_outbox_entry_id (id)',
    // Every letter in every column, also where the database's default is latin1.
    options: 'engine = innodb default character set utf8mb4',
  },
};

/**
 * Creates the tables of the outbox. `shards` is how many streams the messages are spread over: the most processes that
 * can relay at a time, and the ceiling of publishing transactions per second is shards / the duration of a commit. It
 * cannot be changed while there are entries.
 */
export async function createOutboxTables(runner: QueryRunner, shards = DEFAULT_SHARDS): Promise<void> {
  const { kind, quote } = dialectOf(runner.dataSource);
  const types = TYPES[kind];
  const name = await byteWiseText(runner, MAX_TEXT_LENGTH);
  const message = [
    `shard integer not null`,
    `message_id ${name} not null`,
    `namespace ${name} not null`,
    `topic ${name} not null`,
    `${quote('key')} ${name}`,
    `payload ${types.bytes} not null`,
    `content_type varchar(40) not null`,
    `headers ${types.text} not null`,
    `created_at bigint not null`,
  ].join(', ');
  const create = (table: string, columns: string): Promise<unknown> =>
    execute(runner, `create table ${table} (${columns}) ${types.options}`);

  await create(TABLES.entry, `id ${types.entryId}, ${message}${types.entryKeys}`);
  if (kind === 'sqlite')
    await execute(runner, `create index turnpike_outbox_entry_read on ${TABLES.entry} (shard, id)`);
  if (kind === 'postgres') await execute(runner, AUTOVACUUM_FOR_A_QUEUE);

  await create(
    TABLES.parked,
    `id bigint not null, ${message}, attempts integer not null, available_at bigint, last_error ${types.text}, primary key (shard, id)`,
  );
  // For what is due; and for the entries of a key, in order.
  await execute(runner, `create index turnpike_outbox_parked_due on ${TABLES.parked} (shard, available_at)`);
  await execute(
    runner,
    `create index turnpike_outbox_parked_key on ${TABLES.parked} (shard, namespace, ${quote('key')}, id)`,
  );

  // One row per shard: says how many there are, and is the lock that publishers take on MySQL and MariaDB.
  await create(TABLES.shard, `shard integer not null primary key, hash_version integer not null`);
  const rows = [...Array(shards).keys()].map((shard) => `(${shard}, ${HASH_VERSION})`);
  await execute(runner, `insert into ${TABLES.shard} (shard, hash_version) values ${rows.join(', ')}`);

  await create(
    TABLES.inbox,
    `consumer ${name} not null, message_id ${name} not null, processed_at bigint not null, primary key (consumer, message_id)`,
  );
  await execute(runner, `create index turnpike_inbox_processed_at on ${TABLES.inbox} (processed_at)`);
}

export async function dropOutboxTables(runner: QueryRunner): Promise<void> {
  for (const table of [TABLES.inbox, TABLES.shard, TABLES.parked, TABLES.entry]) {
    await execute(runner, `drop table ${table}`);
  }
}

/** Rows live for moments: by the default of 20 % of the table, a burst would leave its dead rows in every reader's way. */
const AUTOVACUUM_FOR_A_QUEUE = `alter table ${TABLES.entry} set (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_cost_delay = 0
)`;

export class CreateOutboxTables1763700000005 implements MigrationInterface {
  readonly name = 'CreateOutboxTables1763700000005';

  up(runner: QueryRunner): Promise<void> {
    return createOutboxTables(runner);
  }

  down(runner: QueryRunner): Promise<void> {
    return dropOutboxTables(runner);
  }
}
