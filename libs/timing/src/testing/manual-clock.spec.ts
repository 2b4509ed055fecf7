import { describe, expect, it } from 'vitest';
import { ManualClock } from './manual-clock.js';

describe('ManualClock', () => {
  it('stands still at its start', async () => {
    const clock = new ManualClock(5000);
    await new Promise((resolve) => setTimeout(resolve, 2));
    expect([clock.now(), clock.monotonic(), clock.waiting]).toEqual([5000, 0, 0]);
  });

  it('wakes sleepers in order of their times, at their times, and in order of their calls at the same time', async () => {
    const clock = new ManualClock();
    const woken: [name: string, atMs: number][] = [];
    const sleep = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms);
      woken.push([name, clock.now()]);
    };
    const sleepers = [sleep('c', 30), sleep('a', 10), sleep('b', 20), sleep('a too', 10)];
    await clock.advance(100);
    await Promise.all(sleepers);
    expect(woken).toEqual([
      ['a', 10],
      ['a too', 10],
      ['b', 20],
      ['c', 30],
    ]);
    expect(clock.now()).toBe(100);
  });

  it('lets what it wakes go on until it waits again, within one advance', async () => {
    const clock = new ManualClock();
    const ticks: number[] = [];
    const abort = new AbortController();
    const ticking = (async () => {
      for (;;) {
        await clock.sleep(10, abort.signal);
        for (let step = 0; step < 20; step++) await Promise.resolve();
        ticks.push(clock.now());
      }
    })();
    await clock.advance(35);
    expect(ticks).toEqual([10, 20, 30]);
    abort.abort();
    await expect(ticking).rejects.toThrow('aborted');
    expect(clock.waiting).toBe(0);
  });

  it('starts what was called right before', async () => {
    const clock = new ManualClock();
    let wokenAt: number | undefined;
    void Promise.resolve()
      .then(() => clock.sleep(10))
      .then(() => (wokenAt = clock.now()));
    await clock.advance(10);
    expect(wokenAt).toBe(10);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('does not advance by %s', async (ms) => {
    const clock = new ManualClock();
    await clock.advance(5);
    await expect(clock.advance(ms)).rejects.toThrow(RangeError);
    expect(clock.monotonic()).toBe(5);
  });
});
