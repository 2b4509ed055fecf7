import assert from 'node:assert/strict';
import type { NewEntry, StoredEntry } from '../core/message.js';
import type { OutboxOperations } from '../core/outbox-operations.js';
import type { OpenedShard, OutboxStorage } from '../core/outbox-storage.js';

/** A storage under test, and how to commit entries to it. The shards 0 to 9 are there, and empty at first. */
export interface StorageUnderTest {
  readonly storage: OutboxStorage;
  readonly operations: OutboxOperations;
  /** Writes the entries in a transaction of their own, and commits it. */
  readonly commit: (...entries: NewEntry[]) => Promise<void>;
}

/**
 * One rule of `OutboxStorage`, and a check of it that throws when a storage breaks it:
 *
 *     it.each(outboxStorageContract)('%s', (_rule, check) => check(await open()));
 */
export type OutboxStorageRule = readonly [rule: string, check: (on: StorageUnderTest) => Promise<void>];

export const entry = (messageId: string, more: Partial<NewEntry> = {}): NewEntry => ({
  shard: 1,
  messageId,
  namespace: 'n',
  destination: 'd',
  topic: 't',
  key: 'k',
  payload: Buffer.from('{}'),
  contentType: 'application/json',
  headers: {},
  ...more,
});

export async function claim({ storage }: StorageUnderTest, shard = 1): Promise<OpenedShard> {
  const [opened] = await storage.claim([shard]);
  assert(opened);
  return opened;
}

export const read = ({ storage }: StorageUnderTest, shard = 1, after = 0n, limit = 100): Promise<StoredEntry[]> =>
  storage.read([{ shard, after, limit }]);

export const messageIds = (entries: readonly { messageId: string }[]): string[] =>
  entries.map(({ messageId }) => messageId);

/** The entry with this message id, which is in the flow. */
export async function inFlow(on: StorageUnderTest, messageId: string): Promise<bigint> {
  const found = (await read(on)).find((one) => one.messageId === messageId);
  assert(found, `${messageId} is not in the flow`);
  return found.id;
}
