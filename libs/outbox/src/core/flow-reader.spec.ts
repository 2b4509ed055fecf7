import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryOutboxStorage } from '../testing/memory-outbox-storage.js';
import { FlowReader } from './flow-reader.js';
import { HeldKeys } from './held-keys.js';
import type { StoredEntry } from './message.js';
import type { ReadFrom } from './outbox-storage.js';
import { Shards } from './shards.js';

const SHARDS = [0, 1, 2, 3];
const PER_SHARD = 100;

describe('FlowReader', () => {
  let taken: StoredEntry[];
  /** The shards of each read, and what it goes on with when it is let go. */
  let reads: { readonly shards: readonly number[]; readonly letGo: () => void }[];
  /** Reads wait to be let go. */
  let holding: boolean;
  let shards: Shards;
  let reader: FlowReader;

  beforeEach(async () => {
    [taken, reads, holding] = [[], [], false];
    const clock = new ManualClock();
    const storage = new MemoryOutboxStorage(() => clock.now());
    const tx = storage.begin();
    const entries = SHARDS.flatMap((shard) =>
      Array.from({ length: PER_SHARD }, (_, n) => ({
        shard,
        messageId: `${shard}-${n}`,
        key: 'k',
        namespace: 'n',
        destination: 'd',
        topic: 't',
        payload: Buffer.from('{}'),
        contentType: 'application/json',
        headers: {},
      })),
    );
    await storage.publish(tx, entries);
    tx.commit();
    const ignore = (): void => undefined;
    const heldKeys = new HeldKeys(clock, 1);
    shards = new Shards({ storage, clock, heldKeys, holds: () => true, onError: ignore, onReady: ignore });
    shards.assign(SHARDS, false);
    await shards.claim();
    reader = new FlowReader({
      batchSize: 80,
      shards,
      deliveries: {
        room: 1000,
        add: (_work, { entry }) => void taken.push(entry),
      },
      storage: {
        read: async (from: readonly ReadFrom[]) => {
          const found = await storage.read(from);
          const letGo = new Promise<void>((resolve) => {
            reads.push({ shards: from.map(({ shard }) => shard), letGo: resolve });
          });
          if (holding) await letGo;
          return found;
        },
      },
    });
  });

  const inOrder = (shard: number): boolean =>
    taken.filter((entry) => entry.shard === shard).every(({ messageId }, n) => messageId === `${shard}-${n}`);

  it('reads one half of the shards that have a backlog while what came of the other is taken in', async () => {
    await reader.read(true); // until then, nobody knows of a backlog
    await reader.read(true);
    const [, second, third] = reads;
    expect(second?.shards).toHaveLength(2);
    expect(new Set([...(second?.shards ?? []), ...(third?.shards ?? [])])).toEqual(new Set(SHARDS));
    expect(reader.reading).toBe(true);
    while ((await reader.read(true)) > 0 || reader.reading);
    expect(taken).toHaveLength(SHARDS.length * PER_SHARD);
    for (const shard of SHARDS) expect(inOrder(shard)).toBe(true);
  });

  it('reads all shards, and leaves nothing under way, when it is not asked to read ahead', async () => {
    while ((await reader.read(false)) > 0) expect(reader.reading).toBe(false);
    expect(reads[1]?.shards).toEqual(SHARDS);
    expect(taken).toHaveLength(SHARDS.length * PER_SHARD);
  });

  it('takes nothing in of a read that began before its shard was claimed anew: it begins again at the position', async () => {
    await reader.read(true);
    await reader.read(true);
    holding = true;
    await reader.read(true); // the next one is under way now, and held
    const late = reads.at(-1);
    const [shard = 0] = late?.shards ?? [];
    const work = shards.workOf(shard);
    if (work) shards.restart(work);
    await Promise.resolve();
    while (shards.workOf(shard) === work) await Promise.resolve();
    await shards.claim();
    taken = taken.filter((entry) => entry.shard !== shard); // nothing of it was settled
    holding = false;
    late?.letGo();
    while ((await reader.read(true)) > 0 || reader.reading);
    expect(taken.filter((entry) => entry.shard === shard)).toHaveLength(PER_SHARD);
    expect(inOrder(shard)).toBe(true);
  });
});
