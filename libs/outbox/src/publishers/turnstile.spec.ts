import { describe, expect, it } from 'vitest';
import { Turnstile } from './turnstile.js';

const forever = new AbortController().signal;

describe('Turnstile', () => {
  it('lets so many in at a time, in the order in which they came', async () => {
    const turnstile = new Turnstile(2);
    const ends: (() => void)[] = [];
    const entered: number[] = [];
    const all = [0, 1, 2, 3, 4].map((n) =>
      turnstile.pass(forever, () => {
        entered.push(n);
        return new Promise<void>((resolve) => ends.push(resolve));
      }),
    );
    expect(entered).toEqual([0, 1]);
    for (let left = 0; left < 5; left++) {
      ends[left]?.();
      await all[left];
      await new Promise((resolve) => setImmediate(resolve));
      expect(entered).toHaveLength(Math.min(left + 3, 5));
    }
    expect(entered).toEqual([0, 1, 2, 3, 4]);
  });

  it('has room again after work that failed', async () => {
    const turnstile = new Turnstile(1);
    await expect(turnstile.pass(forever, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await turnstile.pass(forever, async () => 'in')).toBe('in');
  });

  it('lets nobody in whose signal has aborted, and gives their place to the next', async () => {
    const turnstile = new Turnstile(1);
    let end: () => void = () => undefined;
    const first = turnstile.pass(forever, () => new Promise<void>((resolve) => (end = resolve)));
    const abort = new AbortController();
    const second = turnstile.pass(abort.signal, async () => 'second');
    const third = turnstile.pass(forever, async () => 'third');
    abort.abort(new Error('gave up'));
    end();
    await first;
    await expect(second).rejects.toThrow('gave up');
    expect(await third).toBe('third');
    await expect(turnstile.pass(abort.signal, async () => 'late')).rejects.toThrow('gave up');
    expect(await turnstile.pass(forever, async () => 'last')).toBe('last');
  });
});
