import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BatchStore, type Claim, type NewBatch } from '../core/batch-store.js';
import { CodecMismatchError } from '../queue.errors.js';

/**
 * Two stores on the same new and empty queue, as two processes have them, not opened yet. A store that is not `shared`
 * is its own other, and is opened once.
 */
export type OpenBatchStores = () => Promise<readonly [store: BatchStore, other: BatchStore]>;

/**
 * One rule of `BatchStore`, and a check of it that throws when a store breaks it.
 *
 *     it.each(batchStoreContract)('%s', (_rule, check) => check(openStores));
 */
export type BatchStoreRule = readonly [rule: string, check: (open: OpenBatchStores) => Promise<void>];

const LONG_MS = 60_000;
const CODEC = 'contract';

const batch = (text: string): NewBatch => ({ codec: CODEC, items: text.length, data: Buffer.from(text) });
const textsOf = (claim: Claim | undefined): string[] =>
  (claim?.batches ?? []).map(({ data }) => Buffer.from(data).toString());

async function opened(open: OpenBatchStores): Promise<readonly [BatchStore, BatchStore]> {
  const [store, other] = await open();
  await store.open(CODEC);
  if (other !== store) await other.open(CODEC);
  return [store, other];
}

/** Claims as soon as something is available: by the store's clock, which the check cannot advance. */
async function claimWhenDue(store: BatchStore, limit: number): Promise<Claim> {
  for (;;) {
    const claim = await store.claim(limit, LONG_MS);
    if (claim) return claim;
    await sleep(Math.min(5, (await store.nextDueInMs()) ?? 5));
  }
}

async function claimed(store: BatchStore, limit = 1, claimMs = LONG_MS): Promise<Claim> {
  const claim = await store.claim(limit, claimMs);
  assert(claim, 'nothing was available');
  return claim;
}

const storing: readonly BatchStoreRule[] = [
  [
    'gives back what was stored: codec, count, bytes',
    async (open) => {
      const [store, other] = await opened(open);
      const data = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
      await store.append([{ codec: CODEC, items: 3, data }]);
      const [stored] = (await claimed(other)).batches;
      assert.equal(stored?.codec, CODEC);
      assert.equal(stored.items, 3);
      assert.deepEqual(Buffer.from(stored.data), Buffer.from(data));
    },
  ],
  [
    'stores bytes that are part of a larger array',
    async (open) => {
      const [store] = await opened(open);
      await store.append([{ codec: CODEC, items: 1, data: new Uint8Array([1, 2, 3, 4]).subarray(1, 3) }]);
      assert.deepEqual([...((await claimed(store)).batches[0]?.data ?? [])], [2, 3]);
    },
  ],
  [
    'stores many batches in one call, in their order',
    async (open) => {
      const [store] = await opened(open);
      const texts = Array.from({ length: 6000 }, (_, index) => String(index));
      await store.append(texts.map(batch));
      assert.deepEqual(textsOf(await claimed(store, 6000)), texts);
    },
  ],
  [
    'counts batches and items, and tells the age of the oldest',
    async (open) => {
      const [store, other] = await opened(open);
      assert.deepEqual(await store.stats(), { batches: 0, items: 0, oldestAgeMs: undefined });
      await store.append([batch('aa'), batch('bbb')]);
      const { batches, items, oldestAgeMs } = await other.stats();
      assert.deepEqual({ batches, items }, { batches: 2, items: 5 });
      assert(oldestAgeMs !== undefined && oldestAgeMs >= 0 && oldestAgeMs < LONG_MS);
    },
  ],
  [
    'refuses to open with another codec while batches of the former are stored, and keeps them',
    async (open) => {
      const [store, other] = await open();
      await store.open(CODEC);
      await store.append([batch('a')]);
      // A store that is its own other: opening it again must refuse all the same.
      await assert.rejects(other.open('another'), CodecMismatchError);
      assert.deepEqual(textsOf(await claimed(store)), ['a']);
    },
  ],
];

const claiming: readonly BatchStoreRule[] = [
  [
    'claims oldest first, at most the limit, and nothing that is claimed',
    async (open) => {
      const [store, other] = await opened(open);
      await store.append([batch('a'), batch('b')]);
      await other.append([batch('c')]);
      assert.deepEqual(textsOf(await claimed(store, 2)), ['a', 'b']);
      assert.deepEqual(textsOf(await claimed(other, 2)), ['c']);
      assert.equal(await store.claim(1, LONG_MS), undefined);
    },
  ],
  [
    'gives each batch to one of many claims at the same time',
    async (open) => {
      const [store, other] = await opened(open);
      const texts = Array.from({ length: 40 }, (_, index) => `batch ${index}`);
      await store.append(texts.map(batch));
      const seen: string[] = [];
      const drain = async (from: BatchStore): Promise<void> => {
        for (let claim = await from.claim(3, LONG_MS); claim; claim = await from.claim(3, LONG_MS)) {
          seen.push(...textsOf(claim));
        }
      };
      await Promise.all([drain(store), drain(other), drain(store), drain(other)]);
      assert.deepEqual(seen.toSorted(), texts.toSorted());
    },
  ],
  [
    'claims what became available first: a batch that cooled down comes after those stored before its end',
    async (open) => {
      const [store, other] = await opened(open);
      await store.append([batch('a'), batch('b')]);
      await store.release(await claimed(store), 20);
      assert.deepEqual(textsOf(await claimWhenDue(other, 1)), ['b']);
      assert.deepEqual(textsOf(await claimWhenDue(store, 1)), ['a']);
    },
  ],
  [
    'gives the batches of a claim by id, in whatever order they became available',
    async (open) => {
      const [store] = await opened(open);
      await store.append([batch('a'), batch('b')]);
      await store.release(await claimed(store), 1);
      await sleep(10);
      assert.deepEqual(textsOf(await claimed(store, 2)), ['a', 'b']);
    },
  ],
  [
    'makes a batch available again when its claim ends',
    async (open) => {
      const [store, other] = await opened(open);
      await store.append([batch('a')]);
      const stale = await claimed(store, 1, 20);
      const taken = await claimWhenDue(other, 1);
      assert.deepEqual(textsOf(taken), ['a']);
      assert.notEqual(taken.token, stale.token);
    },
  ],
  [
    'makes a renewed claim last, and says when the next batch is due',
    async (open) => {
      const [store, other] = await opened(open);
      assert.equal(await store.nextDueInMs(), undefined);
      await store.append([batch('a')]);
      assert.equal(await store.nextDueInMs(), 0);
      const claim = await claimed(store, 1, 50);
      assert.equal(await store.renew(claim, LONG_MS), true);
      const dueInMs = await other.nextDueInMs();
      assert(dueInMs !== undefined && dueInMs > LONG_MS - 10_000 && dueInMs <= LONG_MS);
    },
  ],
];

const settling: readonly BatchStoreRule[] = [
  [
    'deletes what is completed, once',
    async (open) => {
      const [store] = await opened(open);
      await store.append([batch('a'), batch('b')]);
      const claim = await claimed(store, 2);
      assert.equal(await store.complete(claim), true);
      assert.equal((await store.stats()).batches, 0);
      assert.equal(await store.complete(claim), false);
    },
  ],
  [
    'refuses every write of a claim whose batch another one took',
    async (open) => {
      const [store, other] = await opened(open);
      await store.append([batch('a')]);
      const stale = await claimed(store, 1, 10);
      const taken = await claimWhenDue(other, 1);
      assert.equal(await store.complete(stale), false);
      assert.equal(await store.renew(stale, LONG_MS), false);
      assert.equal(await store.release(stale, 0), false);
      assert.equal(await other.claim(1, LONG_MS), undefined);
      assert.equal(await other.complete(taken), true);
    },
  ],
  [
    'completes what a late claim still holds, and leaves what another one took',
    async (open) => {
      const [store, other] = await opened(open);
      await store.append([batch('a'), batch('b')]);
      const late = await claimed(store, 2, 10);
      const taken = await claimWhenDue(other, 1);
      assert.deepEqual(textsOf(taken), ['a']);
      assert.equal(await store.complete(late), false);
      assert.equal((await store.stats()).batches, 1);
      assert.equal(await other.complete(taken), true);
    },
  ],
  [
    'lets a claim complete that has ended, when nobody took its batches',
    async (open) => {
      const [store] = await opened(open);
      await store.append([batch('a')]);
      const claim = await claimed(store, 1, 10);
      while ((await store.nextDueInMs()) !== 0) await sleep(5);
      assert.equal(await store.complete(claim), true);
    },
  ],
  [
    'gives back released batches at once, or after their cooldown',
    async (open) => {
      const [store, other] = await opened(open);
      await store.append([batch('a'), batch('b')]);
      assert.equal(await store.release(await claimed(store), 0), true);
      // In its former place, before what was stored after it.
      const again = await claimed(other);
      assert.deepEqual(textsOf(again), ['a']);
      assert.equal(await other.complete(await claimed(store)), true);
      assert.equal(await other.release(again, LONG_MS), true);
      assert.equal(await store.claim(1, LONG_MS), undefined);
      const dueInMs = await store.nextDueInMs();
      assert(dueInMs !== undefined && dueInMs > LONG_MS - 10_000 && dueInMs <= LONG_MS);
    },
  ],
  [
    'fences a released claim',
    async (open) => {
      const [store] = await opened(open);
      await store.append([batch('a')]);
      const claim = await claimed(store);
      await store.release(claim, 0);
      assert.equal(await store.complete(claim), false);
      assert.equal((await store.stats()).batches, 1);
    },
  ],
  [
    'never gives an id twice, also after the newest batch is gone',
    async (open) => {
      const [store] = await opened(open);
      const ids: number[] = [];
      for (const text of ['a', 'b', 'c']) {
        await store.append([batch(text)]);
        const claim = await claimed(store);
        ids.push(...claim.batches.map(({ id }) => id));
        await store.complete(claim);
      }
      assert.deepEqual(
        ids,
        [...new Set(ids)].toSorted((a, b) => a - b),
      );
    },
  ],
];

const burying: readonly BatchStoreRule[] = [
  [
    'replaces batches by their rest and the dead letters',
    async (open) => {
      const [store, other] = await opened(open);
      await store.append([batch('abc')]);
      const deadLetters = ['b', 'c'].map((text) => ({ codec: CODEC, data: Buffer.from(text), error: `bad ${text}` }));
      assert.equal(await store.replace(await claimed(store), { rest: [batch('a')], deadLetters }), true);
      assert.deepEqual(textsOf(await claimed(other, 10)), ['a']);
      assert.deepEqual(await deadOf(other), ['b: bad b', 'c: bad c']);
    },
  ],
  [
    'refuses a replacement whole when another claim took one of the batches',
    async (open) => {
      const [store, other] = await opened(open);
      await store.append([batch('a'), batch('b')]);
      const late = await claimed(store, 2, 10);
      await claimWhenDue(other, 1);
      const deadLetters = [{ codec: CODEC, data: Buffer.from('b'), error: 'bad' }];
      assert.equal(await store.replace(late, { rest: [batch('c')], deadLetters }), false);
      assert.equal((await store.stats()).batches, 2);
      assert.deepEqual(await deadOf(store), []);
    },
  ],
  [
    'lists dead letters page by page, and deletes those that are purged',
    async (open) => {
      const [store] = await opened(open);
      const ids = await bury(store, ['a', 'b', 'c']);
      assert.deepEqual(await deadOf(store, 2), ['a: bad', 'b: bad']);
      assert.deepEqual(await deadOf(store, 2, ids[1]), ['c: bad']);
      assert.equal(await store.purgeDeadLetters(ids.slice(0, 2)), 2);
      assert.equal(await store.purgeDeadLetters(ids), 1);
      assert.deepEqual(await deadOf(store), []);
    },
  ],
  [
    'requeues a dead letter once, also when two ask for it at the same time',
    async (open) => {
      const [store, other] = await opened(open);
      const ids = await bury(store, ['a', 'b']);
      const counts = await Promise.all([store.requeueDeadLetters(ids), other.requeueDeadLetters(ids)]);
      assert.equal(counts[0] + counts[1], 2);
      assert.deepEqual(textsOf(await claimed(store, 10)), ['a', 'b']);
      assert.deepEqual(await deadOf(store), []);
    },
  ],
];

async function deadOf(store: BatchStore, limit = 10, afterId = 0): Promise<string[]> {
  const letters = await store.listDeadLetters(limit, afterId);
  return letters.map(({ data, error }) => `${Buffer.from(data).toString()}: ${error}`);
}

async function bury(store: BatchStore, texts: readonly string[]): Promise<number[]> {
  await store.append([batch(texts.join(''))]);
  const deadLetters = texts.map((text) => ({ codec: CODEC, data: Buffer.from(text), error: 'bad' }));
  await store.replace(await claimed(store), { rest: [], deadLetters });
  return (await store.listDeadLetters(10, 0)).map(({ id }) => id);
}

/** What every `BatchStore` must do. */
export const batchStoreContract: readonly BatchStoreRule[] = [...storing, ...claiming, ...settling, ...burying];
