import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fifo } from './fifo.js';

describe('Fifo', () => {
  it('gives what an array would give, whatever is pushed, taken, put back and cleared', () => {
    const command = fc.constantFrom('push', 'push', 'push', 'shift', 'shift', 'unshift', 'clear');
    fc.assert(
      fc.property(fc.array(command, { maxLength: 5000 }), (commands) => {
        const fifo = new Fifo<number>();
        const model: number[] = [];
        const taken: [is: unknown, was: unknown][] = [];
        commands.forEach((name, n) => {
          if (name === 'push') model.push((fifo.push(n), n));
          else if (name === 'unshift') model.unshift((fifo.unshift(n), n));
          else if (name === 'shift') taken.push([fifo.shift(), model.shift()]);
          else taken.push([fifo.clear(), model.splice(0)]);
          taken.push([fifo.length, model.length], [fifo.peek(), model[0]]);
        });
        expect(taken.map(([is]) => is)).toEqual(taken.map(([, was]) => was));
      }),
    );
  });

  it('stays small while it is long-lived and never empty', () => {
    const fifo = new Fifo<number>();
    fifo.push(0);
    for (let n = 1; n < 100_000; n += 1) {
      fifo.push(n);
      expect(fifo.shift()).toBe(n - 1);
    }
    expect(fifo.clear()).toEqual([99_999]);
  });
});
