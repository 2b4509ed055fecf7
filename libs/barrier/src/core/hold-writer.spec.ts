import { AsyncLocalStorage } from 'node:async_hooks';
import { fixed, type RetryPolicy } from 'nestjs-turnpike/timing';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import type { HeldKey, HoldChanges } from './held-key-store.js';
import { HoldWriter } from './hold-writer.js';

const hold = (key: string, failedJobId = 1n): HeldKey => ({ key, failedJobId, sinceMs: 0, lastError: undefined });

/** A writer whose saves end when the test says so. */
function open(retryPolicy: RetryPolicy = fixed(0, 100).withJitter(0)) {
  const clock = new ManualClock();
  const saves: { changes: HoldChanges; succeed: () => Promise<void>; fail: () => Promise<void> }[] = [];
  const errors: unknown[] = [];
  const writer = new HoldWriter({
    save: (changes) =>
      new Promise<void>((resolve, reject) => {
        const succeed = () => (resolve(), clock.advance(0));
        const fail = () => (reject(new Error('store is away')), clock.advance(0));
        saves.push({ changes, succeed, fail });
      }),
    retryPolicy,
    clock,
    onError: (error, failures) => errors.push([(error as Error).message, failures]),
  });
  return { writer, clock, saves, errors };
}

/** Whether it has settled by now, and how. */
function outcomeOf(promise: Promise<void>): { now: unknown } {
  const outcome: { now: unknown } = { now: 'open' };
  promise.then(
    () => (outcome.now = 'saved'),
    (error: unknown) => (outcome.now = error),
  );
  return outcome;
}

describe('HoldWriter', () => {
  it('saves all changes of a turn at once, the latest of each key', async () => {
    const { writer, clock, saves } = open();
    writer.put('a', hold('a', 1n));
    writer.put('b', undefined);
    writer.put('a', hold('a', 2n));
    writer.put('c', hold('c'));
    writer.put('c', undefined);
    await clock.advance(0);
    expect(saves.map(({ changes }) => changes)).toEqual([{ held: [hold('a', 2n)], released: ['b', 'c'] }]);
  });

  it('has one save under way, and puts what changes meanwhile into the next', async () => {
    const { writer, clock, saves } = open();
    writer.put('a', hold('a'));
    await clock.advance(0);
    writer.put('a', undefined);
    writer.put('b', hold('b'));
    await clock.advance(0);
    expect(saves).toHaveLength(1);
    await saves[0]?.succeed();
    expect(saves[1]?.changes).toEqual({ held: [hold('b')], released: ['a'] });
  });

  it('says when what changed so far is stored, and waits for nothing later', async () => {
    const { writer, clock, saves } = open();
    await expect(writer.saved()).resolves.toBeUndefined();
    writer.put('a', hold('a'));
    const first = outcomeOf(writer.saved());
    await clock.advance(0);
    writer.put('b', hold('b'));
    const second = outcomeOf(writer.saved());
    expect([first.now, second.now]).toEqual(['open', 'open']);
    await saves[0]?.succeed();
    expect([first.now, second.now]).toEqual(['saved', 'open']);
    await saves[1]?.succeed();
    expect(second.now).toBe('saved');
    expect(writer.pending).toBe(0);
  });

  it('tries a failed save again after its delay, with what changed since', async () => {
    const { writer, clock, saves, errors } = open();
    writer.put('a', hold('a', 1n));
    writer.put('b', hold('b', 1n));
    const saved = outcomeOf(writer.saved());
    await clock.advance(0);
    writer.put('a', hold('a', 2n));
    await saves[0]?.fail();
    writer.put('c', undefined);
    await clock.advance(99);
    expect([saves.length, writer.failures, saved.now]).toEqual([1, 1, 'open']);
    await clock.advance(1);
    expect(saves[1]?.changes).toEqual({ held: [hold('a', 2n), hold('b', 1n)], released: ['c'] });
    await saves[1]?.fail();
    await clock.advance(100);
    await saves[2]?.succeed();
    expect(errors).toEqual([
      ['store is away', 1],
      ['store is away', 2],
    ]);
    expect([writer.failures, saved.now]).toEqual([0, 'saved']);
  });

  it('goes on with pauses when the attempts of its policy are used up', async () => {
    const { writer, clock, saves } = open(fixed(1, 0));
    writer.put('a', hold('a'));
    await clock.advance(0);
    await saves[0]?.fail();
    await clock.advance(999);
    expect(saves).toHaveLength(1);
    await clock.advance(1);
    expect(saves).toHaveLength(2);
  });

  it('does not take a later change to be stored by a save that began before it', async () => {
    const { writer, clock, saves } = open();
    writer.put('a', hold('a', 1n));
    await clock.advance(0);
    writer.put('a', hold('a', 2n));
    const saved = outcomeOf(writer.saved());
    await saves[0]?.succeed();
    expect([saved.now, writer.pending]).toEqual(['open', 1]);
  });

  it('stops waiting when the signal aborts', async () => {
    const { writer, clock, saves } = open();
    const aborted = AbortSignal.abort(new Error('too late'));
    await expect(writer.saved(aborted)).resolves.toBeUndefined();
    writer.put('a', hold('a'));
    await expect(writer.saved(aborted)).rejects.toThrow('too late');
    const controller = new AbortController();
    const saved = outcomeOf(writer.saved(controller.signal));
    controller.abort(new Error('enough'));
    await clock.advance(0);
    expect(saved.now).toEqual(new Error('enough'));
    await saves[0]?.succeed();
    expect(writer.pending).toBe(0);
  });

  it('closes when all is stored', async () => {
    const { writer, clock, saves } = open();
    writer.put('a', hold('a'));
    const closed = outcomeOf(writer.close(new AbortController().signal));
    await clock.advance(0);
    expect(closed.now).toBe('open');
    await saves[0]?.succeed();
    expect(closed.now).toBe('saved');
  });

  it('gives up what is not stored when its deadline passes, and leaves no timer', async () => {
    const { writer, clock, saves } = open();
    writer.put('a', hold('a'));
    const saved = outcomeOf(writer.saved());
    await clock.advance(0);
    await saves[0]?.fail();
    const deadline = new AbortController();
    const closed = outcomeOf(writer.close(deadline.signal));
    deadline.abort(new Error('deadline'));
    await clock.advance(0);
    expect([closed.now, saved.now]).toEqual([new Error('deadline'), new Error('store is away')]);
    expect(clock.waiting).toBe(0);
    await clock.advance(1000);
    expect(saves).toHaveLength(1);
  });

  it('tries a change once after it was closed, and tells when that fails', async () => {
    const { writer, clock, saves } = open();
    await writer.close(new AbortController().signal);
    writer.put('a', hold('a'));
    const saved = outcomeOf(writer.saved());
    await clock.advance(0);
    await saves[0]?.fail();
    expect([saved.now, clock.waiting]).toEqual([new Error('store is away'), 0]);
    writer.put('b', hold('b'));
    await clock.advance(0);
    expect(saves[1]?.changes.held).toEqual([hold('a'), hold('b')]);
    await saves[1]?.fail();
    const again = outcomeOf(writer.close(new AbortController().signal));
    await clock.advance(0);
    await saves[2]?.succeed();
    expect([again.now, writer.pending]).toEqual(['saved', 0]);
  });

  it('saves outside the transaction of whoever reports the failure', async () => {
    const transaction = new AsyncLocalStorage<string>();
    const clock = new ManualClock();
    const seen: unknown[] = [];
    const writer = new HoldWriter({
      save: async () => void seen.push(transaction.getStore()),
      retryPolicy: fixed(0, 100),
      clock,
      onError: () => undefined,
    });
    transaction.run('a transaction', () => writer.put('a', hold('a')));
    await clock.advance(0);
    expect(seen).toEqual([undefined]);
  });
});
