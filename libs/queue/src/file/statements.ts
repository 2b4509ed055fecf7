import type BetterSqlite3 from 'better-sqlite3';
import { type StoredBatch, type StoredDeadLetter, type StoreStats } from '../core/batch-store.js';

type Statement<Values extends unknown[], Row = unknown> = BetterSqlite3.Statement<Values, Row>;

/** The statements of a queue file. Every write after a claim is fenced by the id and the claim's token. */
export interface FileStatements {
  readonly otherCodec: Statement<[codec: string], { codec: string }>;
  readonly append: Statement<[nowMs: number, nowMs: number, codec: string, items: number]>;
  readonly appendData: Statement<[id: number | bigint, data: Uint8Array]>;
  readonly available: Statement<[nowMs: number, limit: number], StoredBatch>;
  readonly take: Statement<[token: string, untilMs: number, id: number]>;
  readonly nextDueAt: Statement<[], { atMs: number | null }>;
  readonly held: Statement<[id: number, token: string]>;
  readonly renew: Statement<[untilMs: number, id: number, token: string]>;
  readonly complete: Statement<[id: number, token: string]>;
  readonly completeData: Statement<[id: number]>;
  readonly release: Statement<[atMs: number, id: number, token: string]>;
  readonly giveBack: Statement<[id: number, token: string]>;
  readonly stats: Statement<[nowMs: number], Pick<StoreStats, 'batches' | 'items'> & { oldestAgeMs: number | null }>;
  readonly bury: Statement<[nowMs: number, codec: string, error: string, data: Uint8Array]>;
  readonly listDead: Statement<[afterId: number, limit: number], StoredDeadLetter>;
  readonly dead: Statement<[id: number], { codec: string; data: Uint8Array }>;
  readonly purgeDead: Statement<[id: number]>;
}

export function prepareStatements(db: BetterSqlite3.Database): FileStatements {
  return {
    otherCodec: db.prepare('select codec from batch where codec <> ? limit 1'),
    append: db.prepare('insert into batch (stored_at, available_at, codec, items) values (?, ?, ?, ?)'),
    appendData: db.prepare('insert into batch_data (id, data) values (?, ?)'),

    // Walks over the index batch_available_at, and over nothing that is claimed or cools down.
    available: db.prepare(
      `select id, codec, items, data from batch join batch_data using (id)
       where available_at <= ? order by available_at, id limit ?`,
    ),
    take: db.prepare('update batch set token = ?, available_at = ? where id = ?'),

    nextDueAt: db.prepare('select min(available_at) as atMs from batch'),
    held: db.prepare('select 1 from batch where id = ? and token = ?'),
    renew: db.prepare('update batch set available_at = ? where id = ? and token = ?'),
    complete: db.prepare('delete from batch where id = ? and token = ?'),
    completeData: db.prepare('delete from batch_data where id = ?'),
    release: db.prepare('update batch set token = null, available_at = ? where id = ? and token = ?'),
    giveBack: db.prepare('update batch set token = null, available_at = stored_at where id = ? and token = ?'),
    stats: db.prepare(
      'select count(*) as batches, coalesce(sum(items), 0) as items, ? - min(stored_at) as oldestAgeMs from batch',
    ),

    bury: db.prepare('insert into dead_letter (died_at, codec, error, data) values (?, ?, ?, ?)'),
    listDead: db.prepare(
      'select id, died_at as diedAtMs, codec, error, data from dead_letter where id > ? order by id limit ?',
    ),
    dead: db.prepare('select codec, data from dead_letter where id = ?'),
    purgeDead: db.prepare('delete from dead_letter where id = ?'),
  };
}
