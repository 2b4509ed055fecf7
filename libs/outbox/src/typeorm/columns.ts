import type { Dialect } from 'nestjs-turnpike/dialect';
import type { FailedAttempt, NewEntry, ParkedEntry, StoredEntry } from '../core/message.js';

/** The columns that an entry has in every table, in the order of their values. */
const MESSAGE_COLUMNS = [
  'shard',
  'message_id',
  'namespace',
  'destination',
  'topic',
  'key',
  'payload',
  'content_type',
  'headers',
];

/** A row as the drivers give it: 64-bit integers are text on Postgres. */
export interface EntryRow {
  readonly shard: number;
  readonly id: string | number;
  readonly message_id: string;
  readonly namespace: string;
  readonly destination: string;
  readonly topic: string;
  readonly key: string | null;
  readonly payload: Uint8Array;
  readonly content_type: string;
  readonly headers: string;
  readonly created_at: string | number;
}

export interface ParkedRow extends EntryRow {
  readonly attempts: number;
  readonly history: string | null;
}

/** The columns that an INSERT of a new entry names; the database adds the id. */
export function newEntryColumns(dialect: Dialect): string {
  return names(dialect, [...MESSAGE_COLUMNS, 'created_at']);
}

/** Every column of an entry. */
export function entryColumns(dialect: Dialect): string {
  return names(dialect, ['id', ...MESSAGE_COLUMNS, 'created_at']);
}

/** Every column of a parked entry that the relay reads. */
export function parkedColumns(dialect: Dialect): string {
  return `${entryColumns(dialect)}, attempts, history`;
}

export function messageValues(entry: NewEntry): unknown[] {
  const { shard, messageId, namespace, destination, topic, key, payload, contentType, headers } = entry;
  return [
    shard,
    messageId,
    namespace,
    destination,
    topic,
    key,
    asBuffer(payload),
    contentType,
    JSON.stringify(headers),
  ];
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

export function toStoredEntry(row: EntryRow): StoredEntry {
  return {
    id: BigInt(row.id),
    shard: row.shard,
    messageId: row.message_id,
    namespace: row.namespace,
    destination: row.destination,
    topic: row.topic,
    key: row.key,
    payload: row.payload,
    contentType: row.content_type,
    headers: toHeaders(row.headers),
    createdAtMs: Number(row.created_at),
  };
}

export function toHeaders(text: string): Readonly<Record<string, string>> {
  return text === '{}' ? NO_HEADERS : (JSON.parse(text) as Record<string, string>);
}

export function toParkedEntry(row: ParkedRow): ParkedEntry {
  return { ...toStoredEntry(row), attempts: row.attempts, history: toHistory(row.history) };
}

export function toHistory(text: string | null): readonly FailedAttempt[] {
  return text === null ? [] : (JSON.parse(text) as FailedAttempt[]);
}

/** The drivers take Buffers; a view on the same bytes costs nothing. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function names(dialect: Dialect, columns: readonly string[]): string {
  return columns.map(dialect.quote).join(', ');
}
