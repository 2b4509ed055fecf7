import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { NewEntry, StoredEntry } from '../core/message.js';
import type { Change, ClaimedShard } from '../core/outbox-storage.js';
import { claim, entry, inFlow, messageIds, read, type OutboxStorageRule } from './outbox-storage-rule.js';

const publishing: readonly OutboxStorageRule[] = [
  [
    'gives back an entry as it was published',
    async (on) => {
      const published = entry(randomUUID(), {
        namespace: `it's "quoted" \\ % 😀`,
        destination: 'd Á',
        topic: 'a'.repeat(255),
        key: '',
        payload: Buffer.from([0, 1, 255]),
        contentType: 'application/octet-stream',
        headers: { a: '1', 'b"': '\n' },
      });
      await on.commit(published);
      const [stored] = await read(on);
      const { id, createdAtMs, payload, ...rest } = stored as StoredEntry;
      assert.deepEqual({ ...rest, payload: [...payload] }, { ...published, payload: [0, 1, 255] });
      assert(id > 0n);
      assert(Math.abs(createdAtMs - Date.now()) < 3_600_000, `createdAtMs is ${createdAtMs}`);
    },
  ],
  [
    'gives back many entries at once, each with its own texts and bytes, whatever their sizes',
    async (on) => {
      const sizes = [0, 1, 300, 20_000, 7, 100_000, 16_384, 50];
      const texts = ['Ã©', 'é', 'ascii', 'é', 'ASCII']; // as bytes, the second is the characters of the first
      const published = Array.from({ length: 600 }, (_, n) =>
        entry(randomUUID(), {
          namespace: texts[n % 5] ?? '',
          topic: texts[n % 3] ?? '',
          key: n % 4 === 0 ? null : `key ${n % 7}`,
          payload: Buffer.alloc(sizes[n % 8] ?? 0, String(n)),
          headers: n % 2 === 0 ? {} : { n: texts[n % 5] ?? '' },
        }),
      );
      await on.commit(...published);
      const stored = await read(on, 1, 0n, 1000);
      const plain = ({ messageId, namespace, topic, key, payload, headers }: NewEntry): unknown => [
        [messageId, namespace, topic, key, headers],
        Buffer.from(payload).toString('latin1'),
      ];
      assert.deepEqual(stored.map(plain), published.map(plain));
    },
  ],
  [
    'gives ids in the order of publishing, and never one again',
    async (on) => {
      const token = await claim(on);
      let last = 0n;
      for (let round = 0; round < 5; round += 1) {
        await on.commit(entry('a'), entry('b'), entry('c'));
        const stored = await read(on);
        assert.deepEqual(messageIds(stored), ['a', 'b', 'c']);
        for (const { id } of stored) {
          assert(id > last, `${id} after ${last}`);
          last = id;
        }
        await on.storage.settle([{ claim: token, ids: stored.map(({ id }) => id) }]);
      }
    },
  ],
];

const reading: readonly OutboxStorageRule[] = [
  [
    'reads each shard from where it is told, in id order, and no more of it than it may',
    async (on) => {
      await on.commit(
        ...['a', 'b', 'c', 'd'].map((id) => entry(id)),
        entry('x', { shard: 2 }),
        entry('y', { shard: 2 }),
      );
      const first = await inFlow(on, 'a');
      const found = await on.storage.read([
        { shard: 1, after: first, limit: 2 },
        { shard: 2, after: 0n, limit: 1 },
        { shard: 3, after: 0n, limit: 9 },
      ]);
      const of = (shard: number): string[] => messageIds(found.filter((one) => one.shard === shard));
      assert.deepEqual([of(1), of(2), of(3)], [['b', 'c'], ['x'], []]);
    },
  ],
  [
    'finds what is up to a position, and nothing above it',
    async (on) => {
      await on.commit(entry('a'), entry('b'), entry('c'));
      const position = await inFlow(on, 'b');
      assert.deepEqual(messageIds(await on.storage.readBelow([{ shard: 1, position }])), ['a', 'b']);
      assert.deepEqual(await on.storage.readBelow([{ shard: 2, position }]), []);
      assert.deepEqual(await on.storage.readBelow([]), []);
    },
  ],
];

const claiming: readonly OutboxStorageRule[] = [
  [
    'gives every claim of a shard a higher token, and the saved position',
    async (on) => {
      const first = await claim(on);
      assert.equal(first.position, 0n);
      assert.deepEqual(await on.storage.savePositions([{ ...first, position: 9_007_199_254_740_993n }]), {
        fenced: [],
      });
      const second = await claim(on);
      assert(second.token > first.token);
      assert.equal(second.position, 9_007_199_254_740_993n);
    },
  ],
  [
    'saves no position of a shard that was taken over, and those of others',
    async (on) => {
      const [one, two] = [await claim(on, 1), await claim(on, 2)];
      await claim(on, 1);
      const saved = await on.storage.savePositions([
        { ...one, position: 5n },
        { ...two, position: 6n },
      ]);
      assert.deepEqual(saved, { fenced: [1] });
      assert.deepEqual([(await claim(on, 1)).position, (await claim(on, 2)).position], [0n, 6n]);
    },
  ],
  [
    'settles nothing of a shard that was taken over, and what belongs to others',
    async (on) => {
      await on.commit(entry('a'), entry('x', { shard: 2 }));
      const [one, two] = [await claim(on, 1), await claim(on, 2)];
      const ids = [await inFlow(on, 'a')];
      const [x] = await read(on, 2);
      await claim(on, 1);
      const settled = await on.storage.settle([
        { claim: one, ids },
        { claim: two, ids: [x?.id ?? 0n] },
      ]);
      assert.deepEqual(settled, { fenced: [1] });
      assert.deepEqual([(await read(on, 1)).length, (await read(on, 2)).length], [1, 0]);
    },
  ],
  [
    'settles twice as well as once',
    async (on) => {
      await on.commit(entry('a'), entry('b'));
      const token = await claim(on);
      const ids = [await inFlow(on, 'a')];
      for (let n = 0; n < 2; n += 1) assert.deepEqual(await on.storage.settle([{ claim: token, ids }]), { fenced: [] });
      assert.deepEqual(messageIds(await read(on)), ['b']);
    },
  ],
  [
    'makes no change in a shard that was taken over, and those in others',
    async (on) => {
      await on.commit(entry('a'), entry('x', { shard: 2 }));
      const [one, two] = [await claim(on, 1), await claim(on, 2)];
      const [x] = await read(on, 2);
      const a = await inFlow(on, 'a');
      await claim(on, 1);
      const move = (of: ClaimedShard, id: bigint): Change => ({ kind: 'move', claim: of, ids: [id], due: false });
      const { fenced } = await on.storage.rearrange([move(one, a), move(two, x?.id ?? 0n)]);
      assert.deepEqual(fenced, [1]);
      assert.deepEqual([(await read(on, 1)).length, (await read(on, 2)).length], [1, 0]);
    },
  ],
];

export const flowRules: readonly OutboxStorageRule[] = [...publishing, ...reading, ...claiming];
