import type { Database } from 'better-sqlite3';
import { QueueFileError } from './queue-file.errors.js';

/** 'TPKQ': tells our files from any other SQLite database. */
const APPLICATION_ID = 0x54504b51;
const VERSION = 1;

/**
 * The bytes have a table of their own: SQLite writes a row whole when one of its columns changes, so a claim would write
 * all of them again. `available_at` is when the batch may be claimed: of a claimed one, when its claim ends. Times are ms
 * since the epoch.
 */
const SCHEMA = `
  create table queue (name text not null) strict;
  create table batch (
    id integer primary key autoincrement,
    stored_at integer not null,
    available_at integer not null,
    token text,
    codec text not null,
    items integer not null
  ) strict;
  create index batch_available_at on batch (available_at);
  create table batch_data (id integer primary key, data blob not null) strict;
  create table dead_letter (
    id integer primary key autoincrement,
    died_at integer not null,
    codec text not null,
    error text not null,
    data blob not null
  ) strict;
`;

/** Makes a new file ours, or checks that it is; throws a `QueueFileError` and changes nothing otherwise. */
export function prepareSchema(db: Database, queue: string): void {
  if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
    if (db.prepare('select 1 from sqlite_schema').get()) throw new QueueFileError(db.name, 'foreign');
    db.exec(SCHEMA);
    db.prepare('insert into queue values (?)').run(queue);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma(`user_version = ${VERSION}`);
    return;
  }
  if ((db.pragma('user_version', { simple: true }) as number) > VERSION) {
    throw new QueueFileError(db.name, 'newerVersion');
  }
  const name = db.prepare('select name from queue').pluck().get();
  if (name !== queue) throw new QueueFileError(db.name, 'otherQueue', new Error(`"${String(name)}", not "${queue}"`));
}
