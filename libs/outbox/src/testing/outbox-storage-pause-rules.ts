import assert from 'node:assert/strict';
import type { OutboxStorageRule, StorageUnderTest } from './outbox-storage-rule.js';

/** As the relay sees it, in the order of the names; `*` stands for all. */
const paused = async ({ storage }: StorageUnderTest): Promise<string[]> => {
  const names = (await storage.pauses()).map(({ destination = '*' }) => destination);
  return names.toSorted((a, b) => (a < b ? -1 : 1));
};

export const pauseRules: readonly OutboxStorageRule[] = [
  [
    'remembers what is paused, since when, until it is resumed',
    async (on) => {
      assert.deepEqual(await paused(on), []);
      await on.operations.pause('b');
      const [before] = await on.operations.pauses();
      await on.operations.pause('B');
      await on.operations.pause('b'); // again: it stays as it is
      assert.deepEqual(await paused(on), ['B', 'b']);
      const after = (await on.operations.pauses()).find(({ destination }) => destination === 'b');
      assert.deepEqual(after, before);
      assert.equal(await on.operations.resume('b'), true);
      assert.equal(await on.operations.resume('b'), false);
      assert.deepEqual(await paused(on), ['B']);
    },
  ],
  [
    'tells a pause of all from that of one, and ends all of them together',
    async (on) => {
      await on.operations.pause();
      await on.operations.pause('b');
      await on.operations.pause('a');
      assert.deepEqual(await paused(on), ['*', 'a', 'b']);
      assert.equal(await on.operations.resume('a'), true);
      assert.deepEqual(await paused(on), ['*', 'b']);
      assert.equal(await on.operations.resume(), true);
      assert.deepEqual(await paused(on), []);
      assert.equal(await on.operations.resume(), false);
    },
  ],
];
