import type { Dialect } from 'nestjs-turnpike/dialect';
import type { ContentType, NewEntry, ParkedEntry, StoredEntry } from '../core/message.js';

/** The columns that an entry has in the entry table and in the parked table, in the order of their values. */
const MESSAGE_COLUMNS = ['shard', 'message_id', 'namespace', 'topic', 'key', 'payload', 'content_type', 'headers'];

/** A row as the drivers give it: 64-bit integers are text on Postgres. */
export interface EntryRow {
  readonly shard: number;
  readonly id: string | number;
  readonly message_id: string;
  readonly namespace: string;
  readonly topic: string;
  readonly key: string | null;
  readonly payload: Uint8Array;
  readonly content_type: ContentType;
  readonly headers: string;
  readonly created_at: string | number;
}

/** The columns that an INSERT of a new entry names; the database adds the id. */
export function newEntryColumns(dialect: Dialect): string {
  return names(dialect, [...MESSAGE_COLUMNS, 'created_at']);
}

/** Every column of an entry. */
export function entryColumns(dialect: Dialect): string {
  return names(dialect, ['id', ...MESSAGE_COLUMNS, 'created_at']);
}

export function messageValues(entry: NewEntry): unknown[] {
  const { shard, messageId, namespace, topic, key, payload, contentType, headers } = entry;
  return [shard, messageId, namespace, topic, key, asBuffer(payload), contentType, JSON.stringify(headers)];
}

export function toStoredEntry(row: EntryRow): StoredEntry {
  return {
    id: BigInt(row.id),
    shard: row.shard,
    messageId: row.message_id,
    namespace: row.namespace,
    topic: row.topic,
    key: row.key,
    payload: row.payload,
    contentType: row.content_type,
    headers: JSON.parse(row.headers) as Record<string, string>,
    createdAtMs: Number(row.created_at),
  };
}

export function toParkedEntry(row: EntryRow & { readonly attempts: number }): ParkedEntry {
  return { ...toStoredEntry(row), attempts: row.attempts };
}

/** The drivers take Buffers; a view on the same bytes costs nothing. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function names(dialect: Dialect, columns: readonly string[]): string {
  return columns.map(dialect.quote).join(', ');
}
