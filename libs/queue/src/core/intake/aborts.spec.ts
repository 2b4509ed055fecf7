import { describe, expect, it } from 'vitest';
import { Aborts } from './aborts.js';

describe('Aborts', () => {
  it('calls back all who wait, and nobody who left', () => {
    const aborting = new AbortController();
    const aborts = new Aborts();
    const called: number[] = [];
    const leave = [1, 2, 3].map((who) => aborts.on(aborting.signal, () => called.push(who)));
    leave[1]?.();
    aborting.abort();
    aborting.abort();
    expect(called).toEqual([1, 3]);
  });

  it('has one listener on a signal, as long as somebody waits', () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const [add, remove] = [signal.addEventListener, signal.removeEventListener];
    signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add.apply(signal, args));
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove.apply(signal, args));
    const aborts = new Aborts();
    for (let round = 0; round < 2; round++) {
      const leave = Array.from({ length: 1000 }, () => aborts.on(signal, () => undefined));
      expect(listeners).toBe(1);
      for (const each of leave) each();
      expect(listeners).toBe(0);
    }
  });
});
