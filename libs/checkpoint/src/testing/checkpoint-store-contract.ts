import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type CheckpointStore, type JsonValue } from '../core/checkpoint-store.js';

/**
 * One rule of `CheckpointStore`, and a check of it that throws when a store breaks it. `store` and `other` are two
 * stores on the same rows, as two processes have them (a store in memory is its own other).
 *
 *     it.each(checkpointStoreContract)('%s', (_rule, check) => check(store, other));
 */
export type CheckpointStoreRule = readonly [
  rule: string,
  check: (store: CheckpointStore, other: CheckpointStore) => Promise<void>,
];

/** A stream that no other check uses. */
const newStream = (): string => `contract-${randomUUID()}`;

const opening: readonly CheckpointStoreRule[] = [
  [
    'opens without a position and with epoch 1 at first',
    async (store) => {
      assert.deepEqual(await store.open(newStream(), 'p'), { position: undefined, epoch: 1n });
    },
  ],
  [
    'raises the epoch with every opening and keeps the position',
    async (store, other) => {
      const stream = newStream();
      await store.open(stream, 'p');
      await store.save(stream, 'p', 1n, 42);
      assert.deepEqual(await other.open(stream, 'p'), { position: 42, epoch: 2n });
      assert.deepEqual(await store.open(stream, 'p'), { position: 42, epoch: 3n });
    },
  ],
  [
    'gives each of many openings at the same time an epoch of its own',
    async (store, other) => {
      const stream = newStream();
      const opened = await Promise.all(
        Array.from({ length: 20 }, (_, index) => (index % 2 ? store : other).open(stream, 'p')),
      );
      const epochs = opened.map(({ epoch }) => Number(epoch)).toSorted((a, b) => a - b);
      assert.deepEqual(
        epochs,
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
    },
  ],
  [
    'compares names byte for byte',
    async (store) => {
      const stream = newStream();
      const names = [
        '',
        'a',
        'A',
        'a ',
        'á',
        'a\u0301',
        '😀',
        'a'.repeat(255),
        `it's "quoted" \`here\` \\ % _ ?`,
        '$1',
      ];
      for (const [index, name] of names.entries()) {
        await store.open(stream, name);
        assert.equal(await store.save(stream, name, 1n, index), true, name);
        const own = `${stream}${name.slice(0, 100)}`;
        assert.equal((await store.open(own, 'p')).epoch, 1n, `stream ${own}`);
      }
      for (const [position, name] of names.entries()) {
        assert.deepEqual(await store.open(stream, name), { position, epoch: 2n }, name);
      }
    },
  ],
];

const openingMany: readonly CheckpointStoreRule[] = [
  [
    'opens many partitions as it opens one, each once, new and old ones',
    async (store, other) => {
      const stream = newStream();
      await store.open(stream, 'b');
      await store.save(stream, 'b', 1n, { at: 7 });
      const opened = await other.openAll(stream, ['c', 'b', 'a', 'b']);
      assert.deepEqual(
        opened,
        new Map([
          ['a', { position: undefined, epoch: 1n }],
          ['b', { position: { at: 7 }, epoch: 2n }],
          ['c', { position: undefined, epoch: 1n }],
        ]),
      );
      assert.equal(await store.save(stream, 'b', 1n, 8), false);
      assert.equal(await store.save(stream, 'c', 1n, 8), true);
    },
  ],
  [
    'opens none, and as many as 10,000, but not more',
    async (store) => {
      const stream = newStream();
      const partitions = Array.from({ length: 10_001 }, (_, index) => String(index));
      assert.deepEqual(await store.openAll(stream, []), new Map());
      await assert.rejects(store.openAll(stream, partitions), RangeError);
      const opened = await store.openAll(stream, partitions.slice(1));
      assert.deepEqual([...opened.keys()].toSorted(), partitions.slice(1).toSorted());
      assert.ok([...opened.values()].every(({ epoch }) => epoch === 1n));
    },
  ],
  [
    'does not deadlock when many open the same partitions in different orders',
    async (store, other) => {
      const partitions = Array.from({ length: 30 }, (_, index) => `p${index}`);
      const orders = [partitions, partitions.toReversed(), [...partitions.slice(15), ...partitions.slice(0, 15)]];
      for (let round = 0; round < 3; round++) {
        const stream = newStream();
        const opened = await Promise.all(
          Array.from({ length: 9 }, (_, index) => (index % 2 ? store : other).openAll(stream, orders[index % 3] ?? [])),
        );
        for (const partition of partitions) {
          const epochs = opened.map((rows) => Number(rows.get(partition)?.epoch)).toSorted((a, b) => a - b);
          assert.deepEqual(epochs, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        }
      }
    },
  ],
  [
    'does not deadlock when many open neighbouring partitions',
    async (store, other) => {
      const stream = newStream();
      for (let round = 0; round < 3; round++) {
        const opened = await Promise.all(
          Array.from({ length: 9 }, (_, first) => {
            const partitions = Array.from({ length: 20 }, (_, index) => `${round}-${String(index * 9 + first)}`);
            return (first % 2 ? store : other).openAll(stream, partitions);
          }),
        );
        assert.ok(opened.every((rows) => rows.size === 20 && [...rows.values()].every(({ epoch }) => epoch === 1n)));
      }
    },
  ],
];

const saving: readonly CheckpointStoreRule[] = [
  [
    'gives back equal JSON',
    async (store, other) => {
      const stream = newStream();
      const numbers = [0, -1.5, 2 ** 53 - 1];
      const texts = ['', 'text', '18446744073709551616', `'"\\?$1`, 'ä€😀\n\u0000', 'x'.repeat(10_000)];
      const others: JsonValue[] = [null, false, true, [], [1, [2]], {}, { file: 'a', at: { offset: 3, done: null } }];
      const positions: JsonValue[] = [...numbers, ...texts, ...others];
      let { epoch } = await store.open(stream, 'p');
      for (const position of positions) {
        assert.equal(await store.save(stream, 'p', epoch, position), true);
        const reopened = await other.open(stream, 'p');
        assert.deepEqual(reopened.position, position);
        epoch = reopened.epoch;
      }
    },
  ],
  [
    'keeps what was saved when the object is changed later',
    async (store) => {
      const stream = newStream();
      const position = { offset: 1 };
      await store.open(stream, 'p');
      await store.save(stream, 'p', 1n, position);
      position.offset = 2;
      const opened = (await store.open(stream, 'p')).position as { offset: number };
      assert.deepEqual(opened, { offset: 1 });
      opened.offset = 3;
      assert.deepEqual((await store.open(stream, 'p')).position, { offset: 1 });
    },
  ],
  [
    'takes the same position again, and a lower one',
    async (store) => {
      const stream = newStream();
      await store.open(stream, 'p');
      for (const position of [5, 5, 5, 4]) assert.equal(await store.save(stream, 'p', 1n, position), true);
      assert.equal((await store.open(stream, 'p')).position, 4);
    },
  ],
  [
    'refuses an older owner and writes nothing',
    async (store, other) => {
      const stream = newStream();
      await store.open(stream, 'p');
      assert.equal(await store.save(stream, 'p', 1n, 'old'), true);
      await other.open(stream, 'p');
      assert.equal(await store.save(stream, 'p', 1n, 'stale'), false);
      assert.equal(await other.save(stream, 'p', 2n, 'new'), true);
      assert.equal(await store.save(stream, 'p', 1n, 'stale'), false);
      assert.equal((await store.open(stream, 'p')).position, 'new');
    },
  ],
  [
    'refuses an epoch that nobody was given, and a row that is not there',
    async (store) => {
      const stream = newStream();
      assert.equal(await store.save(stream, 'p', 1n, 1), false);
      await store.open(stream, 'p');
      assert.equal(await store.save(stream, 'p', 2n, 1), false);
      assert.equal(await store.save(stream, 'q', 1n, 1), false);
      assert.deepEqual(await store.open(stream, 'p'), { position: undefined, epoch: 2n });
    },
  ],
  [
    'applies no save of an older owner after an opening has answered',
    async (store, other) => {
      const stream = newStream();
      for (let round = 0; round < 10; round++) {
        const { epoch } = await store.open(stream, 'p');
        const saves = Array.from({ length: 8 }, (_, index) => store.save(stream, 'p', epoch, `${round}.${index}`));
        const taken = await other.open(stream, 'p');
        await Promise.all(saves);
        assert.deepEqual((await other.open(stream, 'p')).position, taken.position);
      }
    },
  ],
];

export const checkpointStoreContract: readonly CheckpointStoreRule[] = [...opening, ...openingMany, ...saving];
