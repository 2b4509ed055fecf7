import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { Sampler } from './sampler.js';

function setUp() {
  const clock = new ManualClock();
  const state = { samples: 0, news: '' };
  const sampler = new Sampler({
    clock,
    intervalMs: 1000,
    sample: async () => (state.samples += 1),
    glance: () => state.news,
  });
  return { clock, state, sampler };
}

describe('Sampler', () => {
  it('takes one sample an interval for all who look, and none while nobody does', async () => {
    const { clock, state, sampler } = setUp();
    await clock.advance(10_000);
    expect([state.samples, clock.waiting]).toEqual([0, 0]);

    const seen: number[][] = [[], []];
    const leave = seen.map((list) => sampler.watch((sample) => list.push(sample)));
    await clock.advance(3000);
    expect(state.samples).toBe(4); // at once, and after each second
    expect(seen).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ]);

    leave[0]?.();
    await clock.advance(1000);
    expect(seen.map((list) => list.length)).toEqual([4, 5]);
    leave[1]?.();
    await clock.advance(10_000);
    expect([state.samples, sampler.watching, clock.waiting]).toEqual([5, 0, 0]);
  });

  it('gives who comes the latest sample at once, but none from before', async () => {
    const { clock, sampler } = setUp();
    const leave = sampler.watch(() => undefined);
    await clock.advance(500);
    const seen: number[] = [];
    const leaveToo = sampler.watch((sample) => seen.push(sample));
    expect(seen).toEqual([1]);
    leave();
    leaveToo();
    const later: number[] = [];
    sampler.watch((sample) => later.push(sample))();
    expect(later).toEqual([]);
  });

  it('does not wait for the interval when there is news, and looks again soon, since the database may be behind', async () => {
    const { clock, state, sampler } = setUp();
    const atMs: number[] = [];
    const leave = sampler.watch(() => atMs.push(clock.monotonic()));
    await clock.advance(500);
    state.news = 'a key is held';
    await clock.advance(4000);
    expect(atMs).toEqual([0, 600, 700, 800, 900, 1000, 1100, 1200, 1300, 1400, 2400, 3400, 4400]);
    leave();
  });

  it('does not begin a sample before the last one has ended', async () => {
    const clock = new ManualClock();
    let running = 0;
    let most = 0;
    const sampler = new Sampler({
      clock,
      intervalMs: 1000,
      sample: async () => {
        running += 1;
        most = Math.max(most, running);
        await clock.sleep(5000);
        running -= 1;
      },
      glance: () => '',
    });
    const leave = sampler.watch(() => undefined);
    await clock.advance(20_000);
    expect(most).toBe(1);
    leave();
  });
});
