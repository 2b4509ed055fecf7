import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { MAX_BARRIER_LENGTH, MAX_KEY_LENGTH, type HeldKey, type HeldKeyStore } from '../core/held-key-store.js';

/**
 * One rule of `HeldKeyStore`, and a check of it that throws when a store breaks it. `store` and `other` are two stores on
 * the same rows, as a process and its successor have them (a store in memory is its own other).
 *
 *     it.each(heldKeyStoreContract)('%s', (_rule, check) => check(store, other));
 */
export type HeldKeyStoreRule = readonly [
  rule: string,
  check: (store: HeldKeyStore, other: HeldKeyStore) => Promise<void>,
];

/** A barrier that no other check uses. */
const newBarrier = (): string => `contract-${randomUUID()}`;

const hold = (key: string, over: Partial<HeldKey> = {}): HeldKey => ({
  key,
  failedJobId: 1n,
  sinceMs: 1000,
  lastError: undefined,
  ...over,
});

export const heldKeyStoreContract: readonly HeldKeyStoreRule[] = [
  [
    'has nothing of a barrier that never held a key',
    async (store) => {
      assert.deepEqual(await store.load(newBarrier()), []);
    },
  ],
  [
    'gives its successor what was saved, the longest held first',
    async (store, other) => {
      const barrier = newBarrier();
      const held = [hold('c', { sinceMs: 3000 }), hold('a', { sinceMs: 1000 }), hold('b', { sinceMs: 2000 })];
      await store.save(barrier, { held, released: [] });
      assert.deepEqual(
        await other.load(barrier),
        held.toSorted((a, b) => a.sinceMs - b.sinceMs),
      );
    },
  ],
  [
    'keeps every value as it was',
    async (store, other) => {
      const barrier = newBarrier();
      const values: Partial<HeldKey>[] = [
        { failedJobId: 0n },
        { failedJobId: -(2n ** 63n) },
        { failedJobId: 2n ** 63n - 1n },
        { failedJobId: 2n ** 53n + 1n, sinceMs: Date.UTC(2100, 0) },
        { lastError: '' },
        { lastError: `it's "quoted" \`here\` \\ % $1 ? 😀\n` },
        { lastError: 'é'.repeat(1000) },
      ];
      const held = values.map((over, index) => hold(`key ${index}`, { sinceMs: index, ...over }));
      await store.save(barrier, { held, released: [] });
      assert.deepEqual(
        await other.load(barrier),
        held.toSorted((a, b) => a.sinceMs - b.sinceMs),
      );
    },
  ],
  [
    'replaces the state of a key, and removes a released one',
    async (store, other) => {
      const barrier = newBarrier();
      await store.save(barrier, { held: [hold('a'), hold('b'), hold('c', { lastError: 'x' })], released: [] });
      const newer = [hold('a', { failedJobId: 9n, sinceMs: 5, lastError: 'again' }), hold('c', { sinceMs: 6 })];
      await store.save(barrier, { held: newer, released: ['b'] });
      assert.deepEqual(await other.load(barrier), newer);
    },
  ],
  [
    'takes the same changes again, an unknown release, and no change at all',
    async (store) => {
      const barrier = newBarrier();
      for (let time = 0; time < 2; time++) {
        await store.save(barrier, { held: [hold('a')], released: ['b', 'never held'] });
        await store.save(barrier, { held: [], released: [] });
        assert.deepEqual(await store.load(barrier), [hold('a')]);
      }
    },
  ],
  [
    'keeps barriers apart',
    async (store) => {
      const [one, two] = [newBarrier(), newBarrier()];
      await store.save(one, { held: [hold('a')], released: [] });
      await store.save(two, { held: [hold('a', { failedJobId: 2n }), hold('b')], released: [] });
      await store.save(two, { held: [], released: ['b'] });
      assert.deepEqual(await store.load(one), [hold('a')]);
      assert.deepEqual(await store.load(two), [hold('a', { failedJobId: 2n })]);
    },
  ],
  [
    'compares barriers and keys byte for byte',
    async (store) => {
      const names = ['a', 'A', 'a ', 'á', 'a\u0301', 'ß', 'ss', '😀', `it's "quoted" \`here\` \\ % _ ? $1`];
      const id = randomUUID();
      for (const name of names) {
        const held = names.map((key, index) => hold(key, { sinceMs: index }));
        await store.save(`${id}${name}`, { held, released: [] });
        await store.save(`${id}${name}`, { held: [], released: ['A', 'ss'] });
        const left = held.filter(({ key }) => key !== 'A' && key !== 'ss');
        assert.deepEqual(await store.load(`${id}${name}`), left, name);
      }
    },
  ],
  [
    'takes names of the greatest length, and an empty key',
    async (store) => {
      const barrier = newBarrier().padEnd(MAX_BARRIER_LENGTH, 'é');
      const held = ['', 'é'.repeat(MAX_KEY_LENGTH), '😀'.repeat(MAX_KEY_LENGTH / 2)].map((key, index) =>
        hold(key, { sinceMs: index }),
      );
      await store.save(barrier, { held, released: [] });
      assert.deepEqual(await store.load(barrier), held);
      await store.save(barrier, { held: [], released: held.map(({ key }) => key) });
      assert.deepEqual(await store.load(barrier), []);
    },
  ],
  [
    'takes many thousand changes at once',
    async (store) => {
      const barrier = newBarrier();
      const held = Array.from({ length: 7001 }, (_, index) => hold(`key ${index}`, { sinceMs: index }));
      await store.save(barrier, { held, released: [] });
      assert.deepEqual(await store.load(barrier), held);
      await store.save(barrier, { held: [], released: held.slice(1).map(({ key }) => key) });
      assert.deepEqual(await store.load(barrier), held.slice(0, 1));
    },
  ],
  [
    'keeps what was saved when the object is changed later',
    async (store) => {
      const barrier = newBarrier();
      const held = { ...hold('a') };
      await store.save(barrier, { held: [held], released: [] });
      held.failedJobId = 2n;
      assert.deepEqual(await store.load(barrier), [hold('a')]);
    },
  ],
];
