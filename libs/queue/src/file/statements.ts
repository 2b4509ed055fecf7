import type { Database } from 'better-sqlite3';
import { type StoredBatch, type StoreStats } from '../core/batch-store.js';

/** The statements of a queue file, prepared once. Every write after a claim is fenced by `id` and `token`. */
export function prepareStatements(db: Database) {
  return {
    otherCodec: db.prepare<[codec: string], { codec: string }>('select codec from batch where codec <> ? limit 1'),

    append: db.prepare<[nowMs: number, nowMs: number, codec: string, items: number, data: Uint8Array]>(
      'insert into batch (stored_at, available_at, codec, items, data) values (?, ?, ?, ?, ?)',
    ),

    /**
     * Oldest first by the primary key. It walks over the batches that are claimed or cool down ahead of the first
     * available one: few, unless many batches have used up their attempts.
     */
    claim: db.prepare<[token: string, untilMs: number, nowMs: number, limit: number], StoredBatch>(
      `update batch set token = ?, available_at = ?
       where id in (select id from batch where available_at <= ? order by id limit ?)
       returning id, codec, items, data`,
    ),

    nextDueAt: db.prepare<[], { atMs: number | null }>('select min(available_at) as atMs from batch'),

    renew: db.prepare<[untilMs: number, id: number, token: string]>(
      'update batch set available_at = ? where id = ? and token = ?',
    ),

    complete: db.prepare<[id: number, token: string]>('delete from batch where id = ? and token = ?'),

    release: db.prepare<[atMs: number, id: number, token: string]>(
      'update batch set token = null, available_at = ? where id = ? and token = ?',
    ),

    stats: db.prepare<[nowMs: number], StoreStats & { oldestAgeMs: number | null }>(
      `select count(*) as batches, coalesce(sum(items), 0) as items, ? - min(stored_at) as oldestAgeMs from batch`,
    ),
  };
}
