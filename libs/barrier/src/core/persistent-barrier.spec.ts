import { fixed } from 'nestjs-turnpike/timing';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { HoldsNotRestoredError, PersistentBarrier, UnstorableJobError } from '../index.js';
import { MemoryHeldKeyStore } from '../testing/index.js';
import type { PersistentBarrierOptions } from './persistent-barrier.js';

type Options = Partial<PersistentBarrierOptions<string, number>>;

/** Opens barriers on one store, each as if the process had been started anew. */
function restarts() {
  const store = new MemoryHeldKeyStore();
  const clock = new ManualClock(Date.UTC(2030, 0));
  const open = (options: Options = {}) => PersistentBarrier.open({ name: 'orders', store, clock, ...options });
  return { store, clock, open };
}

describe('after a restart', () => {
  it('holds what it held before', async () => {
    const { open, clock } = restarts();
    const before = await open();
    for (const key of ['a', 'b', 'c']) {
      before.enter(key, 1);
      before.stateChanged(key, 1, 'failed', new Error('no route'));
      await clock.advance(1000);
    }
    before.stateChanged('b', 1, 'succeeded');
    before.sync();
    await before.saved();

    const after = await open();
    expect(after.enter('a', 2)).toEqual({ accepted: false, previousFailedJobId: 1 });
    expect(after.enter('a', 1)).toEqual({ accepted: true, previousFailedJobId: 1 });
    expect(after.enter('b', 2)).toEqual({ accepted: true });
    expect(after.holds()).toEqual([
      { key: 'a', failedJobId: 1, since: new Date(Date.UTC(2030, 0)), lastError: 'no route' },
      { key: 'c', failedJobId: 1, since: new Date(Date.UTC(2030, 0) + 2000), lastError: 'no route' },
    ]);
    expect([after.held, after.oldestHoldAgeMs]).toEqual([2, 3000]);
  });

  it('keeps keys and job ids what they were', async () => {
    const store = new MemoryHeldKeyStore();
    const options = { name: 'b', store, keyType: 'bigint', jobIdType: 'bigint' } as const;
    const before = await PersistentBarrier.open<bigint, bigint>(options);
    before.stateChanged(2n ** 80n, 2n ** 62n, 'failed');
    await before.saved();
    const after = await PersistentBarrier.open<bigint, bigint>(options);
    expect(after.peek(2n ** 80n)).toBe(2n ** 62n);
    const numbers = await PersistentBarrier.open<number>({ name: 'n', store, keyType: 'number' });
    numbers.stateChanged(-1.5, 7, 'failed');
    await numbers.saved();
    expect((await PersistentBarrier.open<number>({ name: 'n', store, keyType: 'number' })).peek(-1.5)).toBe(7);
  });

  it('lets an earlier job that comes back wait, and calls it no mistake', async () => {
    const { open } = restarts();
    const before = await open();
    before.stateChanged('a', 2, 'failed');
    await before.saved();
    const illegal: unknown[] = [];
    const after = await open({ onIllegalSequence: 'throw', onIllegal: (...seen) => illegal.push(seen) });
    expect(after.enter('a', 1)).toEqual({ accepted: false, previousFailedJobId: 2 });
    expect(after.wait('a', 1)).toEqual({ wait: true, previousFailedJobId: 2 });
    expect(illegal).toEqual([]);
    after.stateChanged('a', 2, 'succeeded');
    after.sync();
    after.stateChanged('a', 4, 'failed');
    expect(() => after.enter('a', 3)).toThrow(/^Job 3 of key "a" came \(enter\) after the later job 4 had failed/);
  });

  it('gives up a hold of a key that has no order any more', async () => {
    const { open, store } = restarts();
    const before = await open();
    before.stateChanged('a', 1, 'failed');
    await before.saved();
    const after = await open({ orderingDisabled: () => true });
    await after.saved();
    expect(after.held).toBe(0);
    expect(await store.load('orders')).toEqual([]);
  });

  it('ends the holds of jobs that are gone, when asked to', async () => {
    const { open, store } = restarts();
    const before = await open();
    before.stateChanged('a', 1, 'failed');
    before.stateChanged('b', 2, 'failed');
    await before.saved();
    const after = await open();
    expect(await after.reconcile(async ({ failedJobId }) => failedJobId === 2)).toBe(1);
    after.sync();
    await after.saved();
    expect([after.peek('a'), after.peek('b')]).toEqual([undefined, 2]);
    expect(await store.load('orders')).toMatchObject([{ key: 'b' }]);
  });

  it('leaves a hold alone that changed while it was asked for', async () => {
    const { open } = restarts();
    const barrier = await open();
    barrier.stateChanged('a', 1, 'failed');
    const reconciled = barrier.reconcile(async () => {
      barrier.stateChanged('a', 1, 'succeeded');
      barrier.sync();
      barrier.stateChanged('a', 2, 'failed');
      return false;
    });
    expect(await reconciled).toBe(0);
    barrier.sync();
    expect(barrier.peek('a')).toBe(2);
  });

  it('does not start when the store does not answer', async () => {
    const { store, open } = restarts();
    store.load = () => Promise.reject(new Error('no such table: turnpike_held_key'));
    await expect(open()).rejects.toThrow(HoldsNotRestoredError);
    await expect(open()).rejects.toThrow(
      'The held keys of the barrier "orders" could not be read: no such table: turnpike_held_key. ' +
        'Is the database up, and have the barrierMigrations run?',
    );
  });
});

describe('what is stored of a hold', () => {
  it('is the newest error, cut and cleaned, with the time of the first failure', async () => {
    const { open, store, clock } = restarts();
    const barrier = await open();
    barrier.stateChanged('a', 1, 'failed', 'first');
    await clock.advance(500);
    barrier.stateChanged('a', 1, 'failed', new Error(`\0${'x'.repeat(998)}😀`));
    barrier.stateChanged('a', 2, 'failed', 'of a job that holds nothing');
    await barrier.saved();
    const lastError = `\uFFFD${'x'.repeat(998)}\uFFFD`;
    expect(await store.load('orders')).toEqual([{ key: 'a', failedJobId: 1n, sinceMs: Date.UTC(2030, 0), lastError }]);
  });

  it('begins anew when the key is held again', async () => {
    const { open, clock } = restarts();
    const barrier = await open();
    for (const key of ['a', 'b']) barrier.stateChanged(key, 1, 'failed', 'old');
    barrier.stateChanged('a', 1, 'succeeded');
    barrier.sync();
    await clock.advance(1000);
    barrier.stateChanged('a', 2, 'failed');
    expect(barrier.holds()).toMatchObject([
      { key: 'b', failedJobId: 1 },
      { key: 'a', failedJobId: 2, since: new Date(clock.now()), lastError: undefined },
    ]);
  });
});

describe('a store that fails', () => {
  it('does not stop the barrier, is tried again, and is told of', async () => {
    const { store, open, clock } = restarts();
    const failures: unknown[] = [];
    const save = store.save.bind(store);
    store.save = () => Promise.reject(new Error('away'));
    const barrier = await open({
      retryPolicy: fixed(0, 100).withJitter(0),
      onStoreError: (error, count) => failures.push([(error as Error).message, count]),
    });
    barrier.stateChanged('a', 1, 'failed');
    const saved = barrier.saved();
    await clock.advance(100);
    expect(barrier.peek('a')).toBe(1);
    expect([failures, barrier.storeFailures]).toEqual([
      [
        ['away', 1],
        ['away', 2],
      ],
      2,
    ]);
    store.save = save;
    await clock.advance(100);
    await saved;
    expect(barrier.storeFailures).toBe(0);
    expect(await store.load('orders')).toMatchObject([{ key: 'a' }]);
  });
});

describe('what could not be read back', () => {
  it.each([
    ['a number for a string', 7, 'keyType is string, but the key is the number 7'],
    ['half a character', 'a\uD800', 'A key is well-formed text'],
    ['a NUL', 'a\0', 'A key is well-formed text'],
    ['a long text', 'x'.repeat(513), 'A key is well-formed text of at most 512 characters'],
  ])('is refused at the entrance, and as a failure: %s as key', async (_name, key, message) => {
    const barrier = await restarts().open();
    expect(() => barrier.enter(key as string, 1)).toThrow(UnstorableJobError);
    expect(() => barrier.stateChanged(key as string, 1, 'failed')).toThrow(message);
    expect([barrier.size, barrier.held]).toEqual([0, 0]);
  });

  it.each([
    ['a bigint for a number', 1n, 'jobIdType is number, but the id is the bigint 1'],
    ['a fraction', 1.5, 'A job id is a whole number'],
    ['an unsafe integer', 2 ** 53, 'A job id is a whole number'],
  ])('is refused: %s as job id', async (_name, jobId, message) => {
    const barrier = await restarts().open();
    expect(() => barrier.enter('a', jobId as number)).toThrow(message);
    expect(barrier.size).toBe(0);
  });

  it('is refused: a bigint of more than 64 bits as job id', async () => {
    const store = new MemoryHeldKeyStore();
    const barrier = await PersistentBarrier.open<string, bigint>({ name: 'b', store, jobIdType: 'bigint' });
    expect(() => barrier.enter('a', 2n ** 63n)).toThrow('A job id is a whole number');
    expect(barrier.enter('a', -(2n ** 63n))).toEqual({ accepted: true });
  });

  it.each(['', 'x'.repeat(129), 'a\0'])('is refused: %j as name', async (name) => {
    await expect(restarts().open({ name })).rejects.toThrow(/^name must be well-formed text of 1 to 128 characters/);
  });
});

describe('being watched', () => {
  it('tells of each job that must wait', async () => {
    const waits: unknown[] = [];
    const barrier = await restarts().open({ onWait: (...seen) => waits.push(seen) });
    barrier.enter('a', 1);
    barrier.enter('a', 2);
    barrier.wait('a', 2);
    barrier.stateChanged('a', 1, 'failed');
    barrier.wait('a', 1);
    barrier.wait('a', 2);
    expect(waits).toEqual([['a', 2, 1]]);
  });

  it('passes hold changes on, and names itself', async () => {
    const changes: unknown[] = [];
    const barrier = await restarts().open({ onHoldChanged: (...seen) => changes.push(seen) });
    barrier.stateChanged('a', 1, 'failed');
    expect(changes).toEqual([['a', 1]]);
    expect(barrier.toString()).toBe('Barrier{barrier: orders[{key: a, failedJobId: 1, inside: []}]}');
  });

  it('closes when its holds are stored', async () => {
    const { store, open } = restarts();
    const barrier = await open();
    barrier.stateChanged('a', 1, 'failed');
    await barrier.close(new AbortController().signal);
    expect(await store.load('orders')).toHaveLength(1);
  });
});
