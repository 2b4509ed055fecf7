import type { OutboxTables } from './tables.js';

/**
 * On Postgres, the function that writes a transaction's entries, called right before its COMMIT: one round trip. It has deferred
 * constraints checked (at COMMIT, when we hold our locks, such a check might wait for one who waits for them), bounds the
 * waiting, takes the locks in the order of `locks`, and inserts.
 *
 * A function, because a session keeps its plan: parsing and planning the statement took longer than all that it does. A
 * prepared statement would too, and fail where a pooler hands a transaction another session.
 *
 * Rejected: locks joined to the rows (a join drops rows), `exists(select from locks)` (takes only the first lock), a CTE
 * that nothing refers to (never runs), and one INSERT per message (two transactions then deadlock).
 */
export function writeFunction({ write, entry }: OutboxTables): string {
  return `
  create function ${write}(
    wait text, locks int[], shards int[], message_ids text[], namespaces text[], destinations text[], topics text[], keys text[],
    payloads bytea[], content_types text[], headers_as_text text[]
  ) returns void language plpgsql as $$
  begin
    set constraints all immediate;
    perform set_config('lock_timeout', wait, true);
    with taken as materialized (
      select pg_advisory_xact_lock(hashtext('${entry}'), lock) from unnest(locks) as lock
    )
    insert into ${entry}
      (shard, message_id, namespace, destination, topic, "key", payload, content_type, headers, created_at)
    select e.shard, e.message_id, e.namespace, e.destination, e.topic, e."key", e.payload, e.content_type, e.headers,
           (extract(epoch from clock_timestamp()) * 1000)::bigint
    from unnest(shards, message_ids, namespaces, destinations, topics, keys, payloads, content_types, headers_as_text)
      with ordinality as e(shard, message_id, namespace, destination, topic, "key", payload, content_type, headers, place)
    where (select count(*) from taken) >= 0
    order by e.place;
  end $$`;
}

/** Its arguments are the time to wait for a lock in ms, the shards to lock, and a column of the entries each. */
export function callOfWriteFunction({ write }: OutboxTables): string {
  return `select ${write}($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`;
}
