import { byteWiseText, DEFAULT_TABLE_PREFIX, dialectOf, execute, type DatabaseKind } from 'nestjs-turnpike/dialect';
import { checkInteger } from 'nestjs-turnpike/timing';
import type { QueryRunner } from 'typeorm';
import { MAX_DESTINATION_LENGTH, MAX_TEXT_LENGTH } from '../core/encode-message.js';
import { HASH_VERSION } from '../core/shard-map.js';
import { DEFAULT_SHARDS, outboxTables } from './tables.js';
import { writeFunction } from './write-function.js';

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
    entryKeys: ', primary key (shard, id)',
    // Every letter in every column, also where the database's default is latin1.
    options: 'engine = innodb default character set utf8mb4',
  },
};

/** Raised by each migration that changes the tables: an app refuses to start with tables of another version. */
export const SCHEMA_VERSION = 1;

export interface OutboxTablesOptions {
  /**
   * Default: 64. How many streams the messages are spread over: the most processes that can relay at a time, and the ceiling
   * of publishing transactions per second is shards / the duration of a commit. It cannot be changed while there are entries.
   */
  readonly shards?: number;
  /** Default: `turnpike_`. */
  readonly tablePrefix?: string;
}

/** Creates the tables of the outbox. */
export async function createOutboxTables(runner: QueryRunner, options: OutboxTablesOptions = {}): Promise<void> {
  const { shards = DEFAULT_SHARDS, tablePrefix = DEFAULT_TABLE_PREFIX } = options;
  checkInteger('shards', shards, 1, 4096);
  const tables = outboxTables(tablePrefix);
  const { kind, quote } = dialectOf(runner.dataSource);
  const types = TYPES[kind];
  const name = await byteWiseText(runner, MAX_TEXT_LENGTH);
  const message = [
    `shard integer not null`,
    `message_id ${name} not null`,
    `namespace ${name} not null`,
    `destination ${await byteWiseText(runner, MAX_DESTINATION_LENGTH)} not null`,
    `topic ${name} not null`,
    `${quote('key')} ${name}`,
    `payload ${types.bytes} not null`,
    `content_type varchar(100) not null`,
    `headers ${types.text} not null`,
    `created_at bigint not null`,
  ].join(', ');
  const create = (table: string, columns: string): Promise<unknown> =>
    execute(runner, `create table ${table} (${columns}) ${types.options}`);
  const index = (table: string, suffix: string, columns: string, where = ''): Promise<unknown> =>
    execute(runner, `create index ${table}_${suffix} on ${table} (${columns})${where}`);
  /** Only the rows that have something in the column, where the database knows such indexes. */
  const having = (column: string): string => (kind === 'mysql' ? '' : ` where ${column} is not null`);
  const ofKey = `shard, namespace, destination, ${quote('key')}, id`;

  const unique = kind === 'mysql' ? `, unique key ${tables.entry}_id (id)` : '';
  await create(tables.entry, `id ${types.entryId}, ${message}${types.entryKeys}${unique}`);
  if (kind === 'sqlite') await index(tables.entry, 'read', 'shard, id');
  if (kind === 'postgres') {
    await execute(runner, autovacuumForAQueue(tables.entry));
    await execute(runner, writeFunction(tables));
  }

  const requested = 'requested varchar(10)';
  await create(
    tables.parked,
    `id bigint not null, ${message}, attempts integer not null, available_at bigint, history ${types.text}, ${requested}, primary key (shard, id)`,
  );
  if (kind === 'postgres') await execute(runner, autovacuumForAQueue(tables.parked));
  // Without what waits behind heads: Postgres took this index to find the first of a key, and sorted all that was there.
  await index(tables.parked, 'due', 'shard, destination, available_at', having('available_at'));
  await index(tables.parked, 'key', ofKey);
  await index(tables.parked, 'requested', 'requested, shard', having('requested'));

  await create(
    tables.deadLetter,
    `id bigint not null, ${message}, attempts integer not null, history ${types.text}, dead_at bigint not null,
     holds integer not null, ${requested}, primary key (shard, id)`,
  );
  await index(tables.deadLetter, 'id', 'id');
  await index(tables.deadLetter, 'key', ofKey);
  await index(tables.deadLetter, 'requested', 'requested, shard', having('requested'));

  // One row per shard: says how many there are, and is the lock that publishers take on MySQL and MariaDB.
  await create(
    tables.shard,
    `shard integer not null primary key, hash_version integer not null, schema_version integer not null`,
  );
  const rows = [...Array(shards).keys()].map((shard) => `(${shard}, ${HASH_VERSION}, ${SCHEMA_VERSION})`);
  await execute(runner, `insert into ${tables.shard} (shard, hash_version, schema_version) values ${rows.join(', ')}`);

  // What operators have paused; an empty destination stands for all of them.
  await create(
    tables.pause,
    `destination ${await byteWiseText(runner, MAX_DESTINATION_LENGTH)} not null primary key, paused_at bigint not null`,
  );

  await create(
    tables.inbox,
    `consumer ${name} not null, message_id ${name} not null, processed_at bigint not null, primary key (consumer, message_id)`,
  );
  await index(tables.inbox, 'processed_at', 'processed_at');
}

export async function dropOutboxTables(
  runner: QueryRunner,
  { tablePrefix }: Pick<OutboxTablesOptions, 'tablePrefix'> = {},
): Promise<void> {
  const { inbox, pause, shard, deadLetter, parked, entry, write } = outboxTables(tablePrefix);
  for (const table of [inbox, pause, shard, deadLetter, parked, entry]) await execute(runner, `drop table ${table}`);
  if (dialectOf(runner.dataSource).kind === 'postgres') await execute(runner, `drop function ${write}`);
}

/** Rows live for moments: by the default of 20 % of the table, a burst would leave its dead rows in every reader's way. */
function autovacuumForAQueue(table: string): string {
  return `alter table ${table} set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0
  )`;
}
