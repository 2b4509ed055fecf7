import type BetterSqlite3 from 'better-sqlite3';
import { type StoredBatch, type StoredDeadLetter, type StoreStats } from '../core/batch-store.js';

type Statement<Values extends unknown[], Row = unknown> = BetterSqlite3.Statement<Values, Row>;

/** The statements of a queue file. Every write after a claim is fenced by the id and the claim's token. */
export interface FileStatements {
  readonly otherCodec: Statement<[codec: string], { codec: string }>;
  readonly append: Statement<[nowMs: number, nowMs: number, codec: string, items: number, data: Uint8Array]>;
  readonly claim: Statement<[token: string, untilMs: number, nowMs: number, limit: number], StoredBatch>;
  readonly nextDueAt: Statement<[], { atMs: number | null }>;
  readonly held: Statement<[id: number, token: string]>;
  readonly renew: Statement<[untilMs: number, id: number, token: string]>;
  readonly complete: Statement<[id: number, token: string]>;
  readonly release: Statement<[atMs: number, id: number, token: string]>;
  readonly stats: Statement<[nowMs: number], Pick<StoreStats, 'batches' | 'items'> & { oldestAgeMs: number | null }>;
  readonly bury: Statement<[nowMs: number, codec: string, error: string, data: Uint8Array]>;
  readonly listDead: Statement<[afterId: number, limit: number], StoredDeadLetter>;
  readonly requeueDead: Statement<[nowMs: number, nowMs: number, id: number]>;
  readonly purgeDead: Statement<[id: number]>;
}

export function prepareStatements(db: BetterSqlite3.Database): FileStatements {
  return {
    otherCodec: db.prepare('select codec from batch where codec <> ? limit 1'),
    append: db.prepare('insert into batch (stored_at, available_at, codec, items, data) values (?, ?, ?, ?, ?)'),

    // Oldest first by the primary key. It walks over the batches that are claimed or cool down ahead of the first
    // available one: few, unless many batches have used up their attempts.
    claim: db.prepare(
      `update batch set token = ?, available_at = ?
       where id in (select id from batch where available_at <= ? order by id limit ?)
       returning id, codec, items, data`,
    ),

    nextDueAt: db.prepare('select min(available_at) as atMs from batch'),
    held: db.prepare('select 1 from batch where id = ? and token = ?'),
    renew: db.prepare('update batch set available_at = ? where id = ? and token = ?'),
    complete: db.prepare('delete from batch where id = ? and token = ?'),
    release: db.prepare('update batch set token = null, available_at = ? where id = ? and token = ?'),
    stats: db.prepare(
      'select count(*) as batches, coalesce(sum(items), 0) as items, ? - min(stored_at) as oldestAgeMs from batch',
    ),

    bury: db.prepare('insert into dead_letter (died_at, codec, error, data) values (?, ?, ?, ?)'),
    listDead: db.prepare(
      'select id, died_at as diedAtMs, codec, error, data from dead_letter where id > ? order by id limit ?',
    ),
    requeueDead: db.prepare(
      `insert into batch (stored_at, available_at, codec, items, data)
       select ?, ?, codec, 1, data from dead_letter where id = ?`,
    ),
    purgeDead: db.prepare('delete from dead_letter where id = ?'),
  };
}
