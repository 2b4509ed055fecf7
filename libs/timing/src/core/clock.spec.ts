import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../testing/manual-clock.js';
import { type Clock, SystemClock } from './clock.js';

const DAY_MS = 86_400_000;

/** The rules of a clock, on one whose time the test can move. */
interface Moved {
  readonly clock: Clock;
  advance(ms: number): Promise<unknown>;
  waiting(): number;
}

function moveSystemClock(): Moved {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  return {
    clock: new SystemClock(),
    advance: (ms) => vi.advanceTimersByTimeAsync(ms),
    waiting: () => vi.getTimerCount(),
  };
}

function moveManualClock(): Moved {
  const clock = new ManualClock(1_000_000);
  return { clock, advance: (ms) => clock.advance(ms), waiting: () => clock.waiting };
}

describe.each([
  ['SystemClock', moveSystemClock],
  ['ManualClock', moveManualClock],
])('%s', (_name, move) => {
  let moved: Moved;
  let clock: Clock;

  beforeEach(() => {
    moved = move();
    clock = moved.clock;
  });
  afterEach(() => vi.useRealTimers());

  /** Whether the promise is settled by now. */
  async function state(promise: Promise<void>): Promise<'waiting' | 'awake' | 'aborted'> {
    let state: 'waiting' | 'awake' | 'aborted' = 'waiting';
    promise.then(
      () => (state = 'awake'),
      () => (state = 'aborted'),
    );
    await moved.advance(0);
    return state;
  }

  it('moves both its times on', async () => {
    const [now, monotonic] = [clock.now(), clock.monotonic()];
    await moved.advance(1500);
    expect(clock.now() - now).toBe(1500);
    expect(clock.monotonic() - monotonic).toBe(1500);
  });

  it('sleeps for as long as it was told', async () => {
    const sleep = clock.sleep(100);
    await moved.advance(99);
    expect(await state(sleep)).toBe('waiting');
    await moved.advance(1);
    expect(await state(sleep)).toBe('awake');
    expect(moved.waiting()).toBe(0);
  });

  it('sleeps longer than a timer can', async () => {
    const sleep = clock.sleep(60 * DAY_MS);
    await moved.advance(60 * DAY_MS - 1);
    expect(await state(sleep)).toBe('waiting');
    await moved.advance(1);
    expect(await state(sleep)).toBe('awake');
  });

  it.each([0, -5, Number.NEGATIVE_INFINITY])('sleeps for %s ms until the next turn', async (ms) => {
    const sleep = clock.sleep(ms);
    await moved.advance(1);
    expect(await state(sleep)).toBe('awake');
  });

  it('wakes as soon as the signal aborts, with its reason, and leaves no timer and no listener', async () => {
    const abort = new AbortController();
    const sleep = clock.sleep(100, abort.signal);
    await moved.advance(50);
    expect(moved.waiting()).toBe(1);
    abort.abort('enough');
    await expect(sleep).rejects.toBe('enough');
    expect(moved.waiting()).toBe(0);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });

  it('does not sleep with an aborted signal', async () => {
    await expect(clock.sleep(100, AbortSignal.abort('before'))).rejects.toBe('before');
    expect(moved.waiting()).toBe(0);
  });

  it('leaves no listener after a whole sleep', async () => {
    const { signal } = new AbortController();
    const sleep = clock.sleep(100, signal);
    await moved.advance(100);
    await sleep;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('aborts a deadline when its time has come', async () => {
    const deadline = clock.deadline(clock.now() + 100);
    await moved.advance(99);
    expect(deadline.aborted).toBe(false);
    await moved.advance(1);
    expect(deadline.aborted).toBe(true);
    expect(deadline.reason).toMatchObject({ name: 'TimeoutError' });
    expect(moved.waiting()).toBe(0);
  });

  it('aborts a deadline in the past in the next turn', async () => {
    const deadline = clock.deadline(clock.now() - 1);
    await moved.advance(1);
    expect(deadline.aborted).toBe(true);
  });

  it('leaves no timer of a deadline that is disposed', async () => {
    {
      using deadline = clock.deadline(clock.now() + 100);
      expect(moved.waiting()).toBe(1);
      expect(deadline.aborted).toBe(false);
    }
    expect(moved.waiting()).toBe(0);
  });

  it('never reaches a deadline at Infinity', async () => {
    using deadline = clock.deadline(Number.POSITIVE_INFINITY);
    await moved.advance(60 * DAY_MS);
    expect(deadline.aborted).toBe(false);
  });

  it('refuses NaN', async () => {
    await expect(clock.sleep(Number.NaN)).rejects.toThrow(RangeError);
    expect(() => clock.deadline(Number.NaN)).toThrow(RangeError);
    expect(moved.waiting()).toBe(0);
  });
});

describe('SystemClock and the real timers', () => {
  const clock = new SystemClock();

  // A timer counts whole ms, so it fires early when it was set between two of them: here at every tenth.
  const tenths = Array.from({ length: 30 }, (_, index) => (index % 10) / 10);

  async function beginAt(fraction: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    for (const begin = performance.now() + fraction; performance.now() < begin;);
  }

  it('never wakes early, by the clock that is asked', async () => {
    for (const fraction of tenths) {
      await beginAt(fraction);
      const startedMs = clock.monotonic();
      await clock.sleep(2);
      expect(clock.monotonic() - startedMs).toBeGreaterThanOrEqual(2);
    }
  });

  it('never passes a deadline early, by the clock that is asked', async () => {
    for (const fraction of tenths) {
      await beginAt(fraction);
      const atMs = clock.now() + 2;
      const deadline = clock.deadline(atMs);
      await new Promise((resolve) => deadline.addEventListener('abort', resolve));
      expect(clock.now()).toBeGreaterThanOrEqual(atMs);
    }
  });
});
