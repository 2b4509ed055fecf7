import { once } from 'node:events';
import { fixed } from 'nestjs-turnpike/timing';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Lanes } from './lanes.js';

describe('Lanes', () => {
  let clock: ManualClock;
  let stop: AbortController;
  let errors: unknown[];
  let log: string[];

  beforeEach(() => {
    clock = new ManualClock();
    stop = new AbortController();
    errors = [];
    log = [];
  });

  const lanes = (parallel = 10): Lanes =>
    new Lanes({
      parallel,
      retry: fixed(0, 100).withJitter(0).derive({ clock }),
      signal: stop.signal,
      onFailed: (error) => errors.push(error),
    });

  const task =
    (name: string, failures = 0) =>
    async (): Promise<void> => {
      await Promise.resolve();
      log.push(name);
      if (failures-- > 0) throw new Error(name);
    };

  it('runs the tasks of a key in their order, one that fails until it succeeds', async () => {
    const all = lanes();
    const done = [all.run('a', task('a1', 2)), all.run('a', task('a2')), all.run('b', task('b1'))];
    expect(await done[2]).toBe(true);
    await clock.advance(100);
    await clock.advance(100);
    expect(await Promise.all(done)).toEqual([true, true, true]);
    expect(log).toEqual(['a1', 'b1', 'a1', 'a1', 'a2']);
    expect(errors).toHaveLength(2);
  });

  it('runs no more at a time than it may, and one that waits to be tried again is none of them', async () => {
    const all = lanes(1);
    const finish = new AbortController();
    const failing = all.run('a', task('a1', 1));
    const long = all.run('b', () => once(finish.signal, 'abort'));
    const behind = all.run('c', task('c1'));
    await clock.advance(50);
    expect(log).toEqual(['a1']);
    finish.abort();
    expect(await Promise.all([long, behind])).toEqual([true, true]);
    expect(log).toEqual(['a1', 'c1']);
    await clock.advance(50);
    expect(await failing).toBe(true);
  });

  it('begins nothing after the signal, and is idle when what was under way has ended', async () => {
    const all = lanes(1);
    const finish = new AbortController();
    const outcomes = [
      all.run('a', () => {
        log.push('a1');
        return once(finish.signal, 'abort');
      }),
      all.run('a', task('a2')),
      all.run('b', task('b1')),
      all.run('c', task('c1', Infinity)),
    ];
    await vi.waitFor(() => expect(log).toEqual(['a1']));
    let isIdle = false;
    const idle = all.idle().then(() => (isIdle = true));
    stop.abort();
    await clock.advance(1000);
    expect(isIdle).toBe(false);
    finish.abort();
    await idle;
    expect(await Promise.all(outcomes)).toEqual([true, false, false, false]);
    expect(log).toEqual(['a1']);
  });
});
