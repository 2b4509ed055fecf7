import assert from 'node:assert/strict';
import { orderKey, type FailedAttempt, type OrderKey } from '../core/message.js';
import type { Change, ClaimedShard, Head, Unclaimed } from '../core/outbox-storage.js';
import {
  claim,
  entry,
  inFlow,
  messageIds,
  read,
  type OutboxStorageRule,
  type StorageUnderTest,
} from './outbox-storage-rule.js';

const KEY: OrderKey & { readonly shard: number } = { shard: 1, namespace: 'n', destination: 'd', key: 'k' };
const HISTORY: readonly FailedAttempt[] = [{ attempt: 1, atMs: 5, error: `it's "no" 😀` }];

async function change(on: StorageUnderTest, of: ClaimedShard, ...changes: Unclaimed<Change>[]) {
  const result = await on.storage.rearrange(changes.map((one) => ({ ...one, claim: of })));
  assert.deepEqual(result.fenced, []);
  return result;
}

async function passOn(on: StorageUnderTest, of: ClaimedShard): Promise<Head | undefined> {
  const { heads } = await change(on, of, { kind: 'passOn', key: KEY });
  assert(heads.has(orderKey(KEY) ?? ''));
  return heads.get(orderKey(KEY) ?? '');
}

/** Publishes them, claims the shard and moves them to the parked table. */
async function parked(on: StorageUnderTest, ...ids: string[]): Promise<{ of: ClaimedShard; at: bigint[] }> {
  await on.commit(...ids.map((id) => entry(id)));
  const of = await claim(on);
  const at = await Promise.all(ids.map((id) => inFlow(on, id)));
  await change(on, of, { kind: 'move', ids: at, due: false });
  return { of, at };
}

const dueIds = async (on: StorageUnderTest, destinations = ['d']): Promise<string[]> =>
  messageIds((await on.storage.due([1], destinations, 100)).due);

export const changeRules: readonly OutboxStorageRule[] = [
  [
    'moves entries behind: out of the flow, without a due time, in id order',
    async (on) => {
      const { of, at } = await parked(on, 'a', 'b', 'c');
      assert.deepEqual(await read(on), []);
      assert.deepEqual(await on.storage.due([1], ['d'], 100), { due: [], nextInMs: undefined });
      const found = await on.storage.parkedOf([KEY], 2);
      assert.deepEqual(messageIds(found), ['a', 'b']);
      assert.deepEqual(
        found.map(({ id, attempts, history }) => ({ id, attempts, history })),
        at.slice(0, 2).map((id) => ({ id, attempts: 0, history: [] })),
      );
      await change(on, of, { kind: 'move', ids: at, due: false }); // again, after an answer that was lost
      assert.equal((await on.storage.parkedOf([KEY], 9)).length, 3);
    },
  ],
  [
    'makes entries without a key due as they move',
    async (on) => {
      await on.commit(entry('a', { key: null }));
      const of = await claim(on);
      await change(on, of, { kind: 'move', ids: [await inFlow(on, 'a')], due: true });
      assert.deepEqual(await dueIds(on), ['a']);
      assert.deepEqual(await on.storage.heldKeys([1]), []);
    },
  ],
  [
    'puts a retry off, and remembers its attempts',
    async (on) => {
      const { of, at } = await parked(on, 'a', 'b');
      const [id = 0n] = at;
      await change(on, of, { kind: 'putOff', id, attempts: 3, delayMs: 60_000, history: HISTORY });
      const { due, nextInMs = 0 } = await on.storage.due([1], ['d'], 100);
      assert.deepEqual(due, []);
      assert(nextInMs > 50_000 && nextInMs <= 60_000, `due in ${nextInMs} ms`);
      const [found] = await on.storage.parkedOf([KEY], 1);
      assert.deepEqual([found?.attempts, found?.history], [3, HISTORY]);
      assert.deepEqual(await passOn(on, of), { id, kind: 'later' });
      await change(on, of, { kind: 'putOff', id, attempts: 3, delayMs: 0, history: HISTORY });
      assert.deepEqual(await dueIds(on), ['a']);
      assert.deepEqual(await on.storage.heldKeys([1]), [{ ...KEY, headId: id }]);
    },
  ],
  [
    'gives what is due for the destinations that are asked for, and no others',
    async (on) => {
      await on.commit(entry('a'), entry('b', { destination: 'other' }));
      const of = await claim(on);
      for (const id of [await inFlow(on, 'a'), await inFlow(on, 'b')]) {
        await change(
          on,
          of,
          { kind: 'move', ids: [id], due: false },
          { kind: 'putOff', id, attempts: 1, delayMs: 0, history: [] },
        );
      }
      assert.deepEqual([await dueIds(on), await dueIds(on, ['other'])], [['a'], ['b']]);
      assert.deepEqual((await dueIds(on, ['d', 'other'])).toSorted(), ['a', 'b']);
      assert.deepEqual(await dueIds(on, []), []);
    },
  ],
  [
    'passes a key on to its first parked entry, and says when none is left',
    async (on) => {
      const { of, at } = await parked(on, 'a', 'b');
      const [a = 0n, b = 0n] = at;
      assert.deepEqual(await passOn(on, of), { id: a, kind: 'due' });
      assert.deepEqual(await dueIds(on), ['a']);
      await change(on, of, { kind: 'remove', ids: [a] });
      assert.deepEqual(await passOn(on, of), { id: b, kind: 'due' });
      await change(on, of, { kind: 'remove', ids: [a, b] });
      assert.equal(await passOn(on, of), undefined);
      assert.deepEqual(await on.storage.heldKeys([1]), []);
    },
  ],
  [
    'moves what goes behind before it passes on, whatever their order',
    async (on) => {
      await on.commit(entry('a'));
      const of = await claim(on);
      const id = await inFlow(on, 'a');
      const { heads } = await change(on, of, { kind: 'passOn', key: KEY }, { kind: 'move', ids: [id], due: false });
      assert.deepEqual(heads.get(orderKey(KEY) ?? ''), { id, kind: 'due' });
    },
  ],
  [
    'keeps the parked entries of keys, destinations and namespaces apart, byte for byte',
    async (on) => {
      const keys = ['k', 'K', 'k ', 'ḱ'];
      await on.commit(
        ...keys.map((key) => entry(key, { key })),
        entry('d2', { destination: 'D' }),
        entry('n2', { namespace: 'N' }),
      );
      const of = await claim(on);
      await change(on, of, { kind: 'move', ids: (await read(on)).map(({ id }) => id), due: false });
      for (const key of keys) assert.deepEqual(messageIds(await on.storage.parkedOf([{ ...KEY, key }], 9)), [key]);
      const found = await on.storage.parkedOf([KEY, { ...KEY, destination: 'D' }, { ...KEY, namespace: 'N' }], 9);
      assert.deepEqual(messageIds(found).toSorted(), ['d2', 'k', 'n2']);
    },
  ],
  [
    'buries an entry with its history; one that holds is what its key waits for',
    async (on) => {
      const { of, at } = await parked(on, 'a', 'b');
      const [a = 0n] = at;
      await change(on, of, { kind: 'bury', id: a, holds: true, attempts: 4, history: HISTORY });
      const [dead] = await on.operations.deadLetters({}, 10);
      assert.deepEqual(
        [dead?.id, dead?.messageId, dead?.attempts, dead?.history, dead?.holds, dead?.requested],
        [a, 'a', 4, HISTORY, true, null],
      );
      assert.deepEqual(await passOn(on, of), { id: a, kind: 'dead' });
      assert.deepEqual(messageIds(await on.storage.parkedOf([KEY], 9)), ['b']);
      assert.deepEqual(await dueIds(on), []);
      assert.deepEqual(await on.storage.heldKeys([1]), [{ ...KEY, headId: a }]);
    },
  ],
  [
    'lets the key go on when a dead letter holds nothing, is released, or purged',
    async (on) => {
      const { of, at } = await parked(on, 'a', 'b', 'c', 'd');
      const [a = 0n, b = 0n, c = 0n, d = 0n] = at;
      await change(on, of, { kind: 'bury', id: a, holds: false, attempts: 1, history: [] });
      assert.deepEqual(await passOn(on, of), { id: b, kind: 'due' });
      await change(on, of, { kind: 'bury', id: b, holds: true, attempts: 1, history: [] }, { kind: 'release', id: b });
      assert.deepEqual(await passOn(on, of), { id: c, kind: 'due' });
      await change(on, of, { kind: 'bury', id: c, holds: true, attempts: 1, history: [] }, { kind: 'purge', id: c });
      assert.deepEqual(await passOn(on, of), { id: d, kind: 'due' });
      assert.deepEqual(messageIds(await on.operations.deadLetters({}, 10)), ['b', 'a']);
    },
  ],
  [
    'requeues a dead letter in front of what waits behind it, under its id, its attempts counted anew',
    async (on) => {
      const { of, at } = await parked(on, 'a', 'b');
      const [a = 0n] = at;
      await change(on, of, { kind: 'bury', id: a, holds: true, attempts: 4, history: HISTORY });
      await change(on, of, { kind: 'requeue', id: a });
      assert.deepEqual(await passOn(on, of), { id: a, kind: 'due' });
      const found = await on.storage.parkedOf([KEY], 9);
      assert.deepEqual(messageIds(found), ['a', 'b']);
      assert.deepEqual([found[0]?.attempts, found[0]?.history], [0, HISTORY]);
      assert.deepEqual(await on.operations.deadLetters({}, 10), []);
    },
  ],
  [
    'keeps a delayed entry out of the flow and out of the way of its key until it is put into the flow, under a new id',
    async (on) => {
      await on.commit(
        entry('later', { due: { inMs: 60_000 } }),
        entry('due', { due: { inMs: 0 } }),
        entry('past', { due: { atMs: 1000 } }),
        entry('now'),
      );
      const of = await claim(on);
      assert.deepEqual(messageIds(await read(on)), ['now']);
      const { due } = await on.storage.due([1], ['d'], 9);
      assert.deepEqual(messageIds(due), ['past', 'due']);
      assert(due.every(({ id }) => id < 0n));
      assert.equal(await passOn(on, of), undefined);
      assert.deepEqual(await on.storage.heldKeys([1]), []);
      await change(on, of, { kind: 'flow', ids: due.map(({ id }) => id) });
      assert.deepEqual(messageIds(await read(on)), ['now', 'past', 'due']);
      assert.deepEqual(await dueIds(on), []);
    },
  ],
  [
    "shows what operators ask for to the shard's owner, until it is done",
    async (on) => {
      const { of, at } = await parked(on, 'a', 'b', 'c');
      const [a = 0n, b = 0n] = at;
      await change(on, of, { kind: 'bury', id: a, holds: false, attempts: 2, history: HISTORY });
      assert.deepEqual(await on.storage.requests([1], 9), []);
      assert.deepEqual(await on.operations.request('requeue', { ids: [a] }), { count: 1, shards: [1] });
      const { shard: _, ...key } = KEY;
      assert.deepEqual(await on.storage.requests([1], 9), [
        { kind: 'requeue', from: 'dead', shard: 1, id: a, key, attempts: 2, history: HISTORY },
      ]);
      assert.deepEqual(await on.storage.requests([2], 9), []);
      assert.equal(await on.operations.outstanding(), 1);
      await change(on, of, { kind: 'requeue', id: a });
      assert.deepEqual(await on.storage.requests([1], 9), []);
      assert.equal(await on.operations.outstanding(), 0);

      await change(on, of, { kind: 'remove', ids: [a] }, { kind: 'passOn', key: KEY });
      assert.deepEqual(await on.operations.release(KEY), { shards: [1] });
      const [release] = await on.storage.requests([1], 9);
      assert.deepEqual([release?.kind, release?.from, release?.id], ['release', 'parked', b]);
      assert.equal(await on.operations.outstanding(), 1);
      assert.deepEqual(await on.operations.release({ ...KEY, key: 'another' }), { shards: [] });
    },
  ],
  [
    'finds dead letters by every part of a filter, the newest first, page by page',
    async (on) => {
      await on.commit(entry('a', { topic: 'one' }), entry('b', { key: null }), entry('c', { destination: 'other' }));
      const of = await claim(on);
      for (const { id } of await read(on)) {
        await change(
          on,
          of,
          { kind: 'move', ids: [id], due: false },
          { kind: 'bury', id, holds: false, attempts: 1, history: [] },
        );
      }
      const find = async (...filter: Parameters<typeof on.operations.deadLetters>): Promise<string[]> =>
        messageIds(await on.operations.deadLetters(...filter));
      assert.deepEqual(await find({}, 9), ['c', 'b', 'a']);
      assert.deepEqual(await find({ topic: 'one' }, 9), ['a']);
      assert.deepEqual(await find({ destination: 'other' }, 9), ['c']);
      assert.deepEqual(await find({ key: 'k', destination: 'd' }, 9), ['a']);
      assert.deepEqual(await find({ namespace: 'x' }, 9), []);
      assert.deepEqual(await find({ ids: [] }, 9), []);
      const [first] = await on.operations.deadLetters({}, 1);
      assert.deepEqual(await find({}, 1, first?.id), ['b']);
    },
  ],
  [
    'lists held keys with what they wait for',
    async (on) => {
      const { of, at } = await parked(on, 'a', 'b');
      const [a = 0n] = at;
      await change(on, of, { kind: 'putOff', id: a, attempts: 2, delayMs: 60_000, history: HISTORY });
      const [held] = await on.operations.listHeldKeys(9);
      assert.deepEqual(
        [held?.headId, held?.waitsFor, held?.attempts, held?.lastError, held?.sinceMs],
        [a, 'retry', 2, HISTORY[0]?.error, HISTORY[0]?.atMs],
      );
      assert((held?.dueInMs ?? 0) > 50_000);
      await change(on, of, { kind: 'bury', id: a, holds: true, attempts: 2, history: HISTORY });
      const [dead] = await on.operations.listHeldKeys(9);
      assert.deepEqual([dead?.headId, dead?.waitsFor, dead?.dueInMs], [a, 'dead letter', undefined]);
    },
  ],
  [
    'counts what is there',
    async (on) => {
      const { of, at } = await parked(on, 'a', 'b');
      await change(on, of, { kind: 'bury', id: at[0] ?? 0n, holds: true, attempts: 1, history: [] });
      await on.commit(entry('c'));
      const { oldestAgeMs, ...counts } = await on.storage.backlog([1, 2]);
      assert.deepEqual(counts, { pending: 1, parked: 1, deadLetters: 1 });
      assert(oldestAgeMs >= 0 && oldestAgeMs < 60_000);
      assert.equal((await on.storage.backlog([2])).pending, 0);
      assert.equal((await on.storage.backlog([])).pending, 0);
    },
  ],
];
