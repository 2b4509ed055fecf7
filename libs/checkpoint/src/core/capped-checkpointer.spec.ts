import { getEventListeners } from 'node:events';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointOrderError, CheckpointPayloadError } from '../checkpoint.errors.js';
import { CappedCheckpointer } from './capped-checkpointer.js';
import { type Resolve } from './checkpointer.js';

/** By its end, all promises that can go on have gone on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A track call whose outcome can be looked at without waiting for it. */
class Call {
  readonly abort = new AbortController();
  state: 'waiting' | 'entered' | 'aborted' | 'failed' = 'waiting';
  resolve: Resolve<number> = () => expect.fail('has not entered');

  constructor(
    checkpointer: CappedCheckpointer<number>,
    readonly payload: number,
    readonly size: number,
  ) {
    void this.follow(checkpointer.track(payload, { size, signal: this.abort.signal }));
  }

  private async follow(tracked: Promise<Resolve<number>>): Promise<void> {
    try {
      this.resolve = await tracked;
      this.state = 'entered';
    } catch (reason) {
      this.state = reason === this.abort.signal.reason ? 'aborted' : 'failed';
    }
  }
}

describe('CappedCheckpointer', () => {
  it('lets a caller wait at the cap, and in when one resolution has made room', async () => {
    const checkpointer = new CappedCheckpointer<number>({ capacity: 2 });
    const first = await checkpointer.track(1);
    const second = await checkpointer.track(2);
    const third = new Call(checkpointer, 3, 1);
    second();
    await settled();
    expect([third.state, checkpointer.pending]).toEqual(['waiting', 2]);
    expect(first()).toBe(2);
    await settled();
    expect([third.state, checkpointer.pending, checkpointer.highest]).toEqual(['entered', 1, 2]);
    expect(third.resolve()).toBe(3);
  });

  it('lets a payload larger than the capacity in when nothing is pending, and nothing beside it', async () => {
    const checkpointer = new CappedCheckpointer<number>({ capacity: 10 });
    const first = await checkpointer.track(1);
    const large = new Call(checkpointer, 2, 1000);
    const small = new Call(checkpointer, 3, 1);
    await settled();
    expect([large.state, small.state]).toEqual(['waiting', 'waiting']);
    first();
    await settled();
    expect([large.state, small.state, checkpointer.pending]).toEqual(['entered', 'waiting', 1000]);
    large.resolve();
    await settled();
    expect([small.state, checkpointer.pending]).toEqual(['entered', 1]);
  });

  it('does not let a small one overtake a large one', async () => {
    const checkpointer = new CappedCheckpointer<number>({ capacity: 10 });
    await checkpointer.track(1, { size: 8 });
    const large = new Call(checkpointer, 2, 5);
    const small = new Call(checkpointer, 3, 1);
    await settled();
    expect([large.state, small.state]).toEqual(['waiting', 'waiting']);
    expect(checkpointer.tryTrack(3)).toBeUndefined();
  });

  it('lets the next one in when the one before it gives up', async () => {
    const checkpointer = new CappedCheckpointer<number>({ capacity: 10 });
    await checkpointer.track(1, { size: 8 });
    const large = new Call(checkpointer, 2, 5);
    const small = new Call(checkpointer, 3, 2);
    large.abort.abort();
    await settled();
    expect([large.state, small.state, checkpointer.pending]).toEqual(['aborted', 'entered', 10]);
  });

  it('forgets an aborted wait: its size, its payload, its listener', async () => {
    const checkpointer = new CappedCheckpointer<number>({ capacity: 1 });
    const first = await checkpointer.track(1);
    const call = new Call(checkpointer, 5, 1);
    call.abort.abort(new Error('enough'));
    await settled();
    expect([call.state, checkpointer.pending]).toEqual(['aborted', 1]);
    expect(getEventListeners(call.abort.signal, 'abort')).toEqual([]);
    first();
    // Lower than the one that gave up.
    expect(checkpointer.tryTrack(2)?.()).toBe(2);
  });

  it('keeps no listener on the signal of a caller that has entered', async () => {
    const checkpointer = new CappedCheckpointer<number>({ capacity: 1 });
    const first = await checkpointer.track(1);
    const call = new Call(checkpointer, 2, 1);
    expect(getEventListeners(call.abort.signal, 'abort')).toHaveLength(1);
    first();
    expect(getEventListeners(call.abort.signal, 'abort')).toEqual([]);
    call.abort.abort();
    await settled();
    expect([call.state, checkpointer.pending]).toEqual(['entered', 1]);
  });

  it('refuses a signal that is aborted already, also when there is room', async () => {
    const checkpointer = new CappedCheckpointer<number>({ capacity: 1 });
    const reason = new Error('too late');
    await expect(checkpointer.track(1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(checkpointer.pending).toBe(0);
  });

  it('rejects everyone who waits, on demand', async () => {
    const checkpointer = new CappedCheckpointer<number>({ capacity: 1 });
    await checkpointer.track(1);
    const waiting = [checkpointer.track(2), checkpointer.track(3)];
    checkpointer.rejectWaiting('closed');
    expect(await Promise.allSettled(waiting)).toEqual([
      { status: 'rejected', reason: 'closed' },
      { status: 'rejected', reason: 'closed' },
    ]);
    expect(checkpointer).toMatchObject({ pending: 1, oldest: 1 });
  });

  describe('the order of payloads', () => {
    it('refuses a payload lower than an earlier one, and stays as it was', async () => {
      const checkpointer = new CappedCheckpointer<number>({ capacity: 5 });
      const resolve = await checkpointer.track(7);
      await expect(checkpointer.track(6)).rejects.toThrow(CheckpointOrderError);
      await expect(checkpointer.track(6)).rejects.toMatchObject({ payload: 6, before: 7 });
      expect(checkpointer.pending).toBe(1);
      expect(resolve()).toBe(7);
      await expect(checkpointer.track(6)).rejects.toThrow(CheckpointOrderError);
      await checkpointer.track(7);
      expect(checkpointer.pending).toBe(1);
    });

    it('counts those who wait as earlier', async () => {
      const checkpointer = new CappedCheckpointer<number>({ capacity: 1 });
      await checkpointer.track(1);
      const waiting = new Call(checkpointer, 5, 1);
      await expect(checkpointer.track(4)).rejects.toMatchObject({ before: 5 });
      waiting.abort.abort();
    });

    it('goes on from where a former run got to', () => {
      const checkpointer = new CappedCheckpointer<number>({ capacity: 1, after: 10 });
      expect(() => checkpointer.tryTrack(9)).toThrow(CheckpointOrderError);
      expect(checkpointer).toMatchObject({ highest: undefined, pending: 0 });
      expect(checkpointer.tryTrack(10)?.()).toBe(10);
    });

    it('compares bigints by itself, beyond what a number holds', async () => {
      const checkpointer = new CappedCheckpointer<bigint>({ capacity: 5 });
      await checkpointer.track(2n ** 60n + 1n);
      await expect(checkpointer.track(2n ** 60n)).rejects.toThrow(CheckpointOrderError);
    });

    it.each(['text', { offset: 1 }, Number.NaN, undefined])('needs `compare` for %o', async (payload) => {
      const checkpointer = new CappedCheckpointer<unknown>({ capacity: 5 });
      await expect(checkpointer.track(payload)).rejects.toThrow(CheckpointPayloadError);
      expect(checkpointer.pending).toBe(0);
    });

    it('compares with `compare`, whose answer must be a number', async () => {
      const compare = (a: { offset: number }, b: { offset: number }): number => a.offset - b.offset;
      const checkpointer = new CappedCheckpointer({ capacity: 5, compare });
      await checkpointer.track({ offset: 2 });
      await expect(checkpointer.track({ offset: 1 })).rejects.toThrow(CheckpointOrderError);
      await expect(checkpointer.track({ offset: Number.NaN })).rejects.toThrow(CheckpointOrderError);
      expect((await checkpointer.track({ offset: 2 }))()).toBeUndefined();
    });
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses the capacity %s', (capacity) => {
    expect(() => new CappedCheckpointer({ capacity })).toThrow(
      new RangeError(`capacity must be a whole number of at least 1, but is ${capacity}`),
    );
  });

  it('refuses a negative size and stays as it was', async () => {
    const checkpointer = new CappedCheckpointer<number>({ capacity: 5 });
    await expect(checkpointer.track(9, { size: -1 })).rejects.toThrow(RangeError);
    expect(checkpointer.pending).toBe(0);
    expect(checkpointer.tryTrack(1)).toBeDefined();
  });

  it('admits in order, within the capacity, whatever is resolved and whoever gives up', async () => {
    const step = fc.record({ act: fc.constantFrom('track', 'track', 'resolve', 'abort'), which: fc.nat() });
    const steps = fc.array(step, { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), steps, async (capacity, steps) => {
        const checkpointer = new CappedCheckpointer<number>({ capacity });
        const calls: Call[] = [];
        const resolved = new Set<number>();
        const expected: Call['state'][] = [];

        const unsafe = (): Call[] => {
          const entered = calls.filter((_, index) => expected[index] === 'entered');
          const first = entered.findIndex(({ payload }) => !resolved.has(payload));
          return first === -1 ? [] : entered.slice(first);
        };
        const pending = (): number => unsafe().reduce((sum, { size }) => sum + size, 0);
        const admit = (): void => {
          for (let next = expected.indexOf('waiting'); next !== -1; next = expected.indexOf('waiting')) {
            if (pending() > 0 && pending() + calls[next]!.size > capacity) return;
            expected[next] = 'entered';
          }
        };

        for (const { act, which } of steps) {
          const call = calls[which % Math.max(calls.length, 1)];
          if (act === 'track') {
            calls.push(new Call(checkpointer, calls.length, which % 9));
            expected.push('waiting');
          } else if (act === 'resolve' && call?.state === 'entered') {
            call.resolve();
            resolved.add(call.payload);
          } else if (act === 'abort' && call) {
            call.abort.abort();
            if (expected[call.payload] === 'waiting') expected[call.payload] = 'aborted';
          }
          admit();
          await settled();
          expect(calls.map(({ state }) => state)).toEqual(expected);
          expect(checkpointer.pending).toBe(pending());
          expect(checkpointer.oldest).toBe(unsafe()[0]?.payload);
          const inside = unsafe().filter(({ size }) => size > 0);
          expect(pending() <= capacity || inside.length === 1).toBe(true);
        }
        for (const call of calls) call.abort.abort();
      }),
    );
  });
});
