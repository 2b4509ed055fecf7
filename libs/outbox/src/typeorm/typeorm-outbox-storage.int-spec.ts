import { TypeOrmCheckpointStore } from 'nestjs-turnpike/checkpoint';
import { serializeSqlite } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testDatabases, type TestDatabase } from '../../../../test/support/databases.js';
import type { NewEntry, StoredEntry } from '../core/message.js';
import type { ClaimedShard, Retry } from '../core/outbox-storage.js';
import { OutboxSchemaError, outboxMigrations } from '../index.js';
import { shardsOfSchema } from './check-schema.js';
import { TypeOrmOutboxStorage } from './typeorm-outbox-storage.js';
import { writeEntries } from './write-entries.js';

const SHARD = 7;

describe.each(testDatabases())('TypeOrmOutboxStorage on %s', (_name, open) => {
  let database: TestDatabase;
  let db: DataSource;
  let storage: TypeOrmOutboxStorage;

  beforeEach(async () => {
    database = await open({ migrations: [...outboxMigrations] });
    db = serializeSqlite(database.dataSource);
    storage = new TypeOrmOutboxStorage(db, new TypeOrmCheckpointStore(db));
  });
  afterEach(() => database.close());

  const claim = async (shard = SHARD): Promise<ClaimedShard> => {
    const [claimed] = await storage.claim([shard]);
    if (!claimed) throw new Error('nothing was claimed');
    return claimed;
  };
  const write = async (key: string | null, count: number, shard = SHARD): Promise<StoredEntry[]> => {
    const entries = Array.from({ length: count }, (_, index) => entry(`${key}-${index}`, key, shard));
    const runner = db.createQueryRunner();
    await runner.startTransaction();
    await writeEntries(runner, entries);
    await runner.commitTransaction();
    await runner.release();
    return (await read(shard)).slice(-count);
  };
  const read = (shard = SHARD, after = 0n, limit = 1000): Promise<StoredEntry[]> =>
    storage.read([{ shard, after }], limit);
  const ids = (entries: readonly { id: bigint }[]): bigint[] => entries.map(({ id }) => id);
  const due = async (): Promise<bigint[]> => ids((await storage.due([SHARD], 100)).due);

  it('reads each shard from where it got to, so many of each, in id order', async () => {
    const a = await write('a', 5, 1);
    const b = await write('b', 5, 2);
    await write('c', 5, 3);
    const from = [
      { shard: 1, after: a[1]?.id ?? 0n },
      { shard: 2, after: 0n },
    ];
    expect(ids(await storage.read(from, 2))).toEqual(ids([...a.slice(2, 4), ...b.slice(0, 2)]));
  });

  it('never gives an id twice, also when the table was emptied', async () => {
    const held = await claim();
    const first = await write('a', 3);
    await storage.settle(first.map(({ id }) => ({ claim: held, id })));
    const second = await write('a', 1);
    expect(second[0]?.id).toBeGreaterThan(first[2]?.id ?? 0n);
  });

  it('deletes what was sent, in several shards at once', async () => {
    const claims = [await claim(1), await claim(2)] as const;
    const a = await write('a', 3, 1);
    const b = await write('b', 3, 2);
    const sent = [
      ...a.slice(0, 2).map(({ id }) => ({ claim: claims[0], id })),
      { claim: claims[1], id: b[0]?.id ?? 0n },
    ];
    expect(await storage.settle(sent)).toEqual({ fenced: [] });
    expect(ids([...(await read(1)), ...(await read(2))])).toEqual(ids([...a.slice(2), ...b.slice(1)]));
  });

  it('settles nothing of a shard that was taken over, and all of the others', async () => {
    const stale = await claim(1);
    const current = await claim(2);
    const [a] = await write('a', 1, 1);
    const [b] = await write('b', 1, 2);
    await claim(1);
    const settled = await storage.settle([
      { claim: stale, id: a?.id ?? 0n },
      { claim: current, id: b?.id ?? 0n },
    ]);
    expect(settled).toEqual({ fenced: [1] });
    expect(await read(1)).toHaveLength(1);
    expect(await read(2)).toEqual([]);
  });

  it('parks nothing for a shard that was taken over', async () => {
    const stale = await claim();
    const entries = await write('k', 2);
    await claim();
    expect(await storage.park(stale, [failed(entries[0])], ids(entries.slice(1)))).toEqual({ fenced: true });
    expect(await read()).toHaveLength(2);
    expect(await storage.heldKeys([SHARD])).toEqual([]);
  });

  it('changes nothing of what is parked for a shard that was taken over', async () => {
    const stale = await claim();
    const [entry] = await write('k', 1);
    await storage.park(stale, [failed(entry)], []);
    await claim();
    const outcome = { claim: stale, namespace: 'n', key: 'k', sent: [entry?.id ?? 0n], retry: undefined };
    expect(await storage.settleParked(outcome)).toEqual({ fenced: true });
    expect(await due()).toEqual(ids([entry as StoredEntry]));
  });

  it('keeps a failed entry until it is due, and what is behind it until it is through', async () => {
    const held = await claim();
    const entries = await write('k', 3);
    await storage.park(held, [failed(entries[0], 60_000)], ids(entries.slice(1)));
    expect(await read()).toEqual([]);
    expect(await due()).toEqual([]);
    const { nextInMs } = await storage.due([SHARD], 100);
    expect(nextInMs).toBeGreaterThan(50_000);
    expect(nextInMs).toBeLessThanOrEqual(60_000);
    expect(await storage.heldKeys([SHARD])).toEqual([{ shard: SHARD, orderKey: 'n\u0000k', headId: entries[0]?.id }]);
  });

  it('makes the next of a key its head when the head is through, and opens the key when none is left', async () => {
    const held = await claim();
    const entries = await write('k', 3);
    await write('other', 1);
    await storage.park(held, [failed(entries[0])], ids(entries.slice(1)));
    const [head] = (await storage.due([SHARD], 100)).due;
    expect(head).toMatchObject({ id: entries[0]?.id, attempts: 1, key: 'k', messageId: 'k-0' });
    expect(ids(await storage.parkedOf(head!, 100))).toEqual(ids(entries));

    const outcome = { claim: held, namespace: 'n', key: 'k', retry: undefined };
    const next = await storage.settleParked({ ...outcome, sent: ids(entries.slice(0, 1)) });
    expect(next).toEqual({ fenced: false, head: entries[1]?.id });
    expect(await due()).toEqual(ids(entries.slice(1, 2)));
    const last = await storage.settleParked({ ...outcome, sent: ids(entries.slice(1)) });
    expect(last).toEqual({ fenced: false, head: undefined });
    expect(await storage.heldKeys([SHARD])).toEqual([]);
  });

  it('puts off the one that failed again, which stays the head', async () => {
    const held = await claim();
    const entries = await write('k', 3);
    await storage.park(held, [failed(entries[0])], ids(entries.slice(1)));
    const retry = failed(entries[1], 60_000);
    const sent = ids(entries.slice(0, 1));
    expect(await storage.settleParked({ claim: held, namespace: 'n', key: 'k', sent, retry })).toEqual({
      fenced: false,
      head: entries[1]?.id,
    });
    expect(await due()).toEqual([]);
  });

  it('retries an entry without a key by itself', async () => {
    const held = await claim();
    const entries = await write(null, 2);
    await storage.park(
      held,
      entries.map((one) => failed(one)),
      [],
    );
    expect(await storage.heldKeys([SHARD])).toEqual([]);
    expect(new Set(await due())).toEqual(new Set(ids(entries)));
    const outcome = { claim: held, namespace: 'n', key: null, retry: undefined, sent: ids(entries.slice(0, 1)) };
    expect(await storage.settleParked(outcome)).toEqual({ fenced: false, head: undefined });
    expect(await due()).toEqual(ids(entries.slice(1)));
  });

  it('tells keys apart that differ in case or in a blank at the end', async () => {
    const held = await claim();
    const [plain] = await write('k', 1);
    const [upper] = await write('K', 1);
    const [blank] = await write('k ', 1);
    await storage.park(held, [failed(plain), failed(upper), failed(blank)], []);
    const heads = (await storage.due([SHARD], 100)).due;
    expect(heads).toHaveLength(3);
    for (const head of heads) expect(ids(await storage.parkedOf(head, 100))).toEqual([head.id]);
  });

  it('says what to do when the tables are missing, or were made for another hash', async () => {
    await db.query('update turnpike_outbox_shard set hash_version = 99');
    await expect(shardsOfSchema(db)).rejects.toThrow(/hash version 99/);
    await db.query('drop table turnpike_outbox_shard');
    await expect(shardsOfSchema(db)).rejects.toThrow(OutboxSchemaError);
    await expect(shardsOfSchema(db)).rejects.toThrow(/outboxMigrations/);
  });

  it('takes the migrations back', async () => {
    for (const _ of outboxMigrations) await database.dataSource.undoLastMigration();
    await expect(db.query('select * from turnpike_outbox_entry')).rejects.toThrow(/turnpike_outbox_entry/);
  });
});

function entry(messageId: string, key: string | null, shard: number): NewEntry {
  const payload = Buffer.from('{}');
  return { shard, messageId, namespace: 'n', topic: 't', key, payload, contentType: 'application/json', headers: {} };
}

function failed(of: StoredEntry | undefined, delayMs = 0): Retry {
  if (!of) throw new Error('there is no such entry');
  return { entry: { ...of, attempts: 1 }, error: 'no', delayMs };
}
