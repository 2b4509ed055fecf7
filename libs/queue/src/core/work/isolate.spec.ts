import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isolate } from './isolate.js';

describe('isolate', () => {
  it('finds exactly the poison items, processes each other one once, and keeps the order', async () => {
    const batches = fc.uniqueArray(fc.nat(), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(batches, fc.func(fc.boolean()), async (items, isPoison) => {
        // What is not poisoned would not have failed together.
        fc.pre(items.some((item) => isPoison(item)));
        const done: number[] = [];
        const attempt = async (half: readonly number[]): Promise<void> => {
          if (half.some((item) => isPoison(item))) throw new Error(half.join());
          done.push(...half);
        };
        const failed = { items, error: new Error('all'), attempts: 1 };
        const { poisoned, rest } = await isolate(failed, attempt, () => true);
        expect(poisoned.map(({ item }) => item)).toEqual(items.filter((item) => isPoison(item)));
        expect(done).toEqual(items.filter((item) => !isPoison(item)));
        expect(rest).toEqual([]);
      }),
    );
  });

  it('tells the attempt that each call is for its items, and the error of the last one', async () => {
    const calls: string[] = [];
    const attempt = async (half: readonly string[], number: number): Promise<void> => {
      calls.push(`${number}: ${half.join('')}`);
      if (half.includes('c')) throw new Error(`at ${number}`);
    };
    const { poisoned } = await isolate(
      { items: ['a', 'b', 'c'], error: new Error('at 3'), attempts: 3 },
      attempt,
      () => true,
    );
    expect(calls).toEqual(['4: ab', '4: c']);
    expect(poisoned).toMatchObject([{ item: 'c', error: { message: 'at 4' } }]);
  });

  it('does not take one that was interrupted for poison, and keeps what comes after it', async () => {
    let going = true;
    const attempt = async (half: readonly number[]): Promise<void> => {
      if (half.length > 1) throw new Error('poison');
      going = half[0] !== 2;
      if (!going) throw new Error('interrupted');
    };
    const failed = { items: [1, 2, 3, 4], error: new Error('all'), attempts: 1 };
    expect(await isolate(failed, attempt, () => going)).toEqual({ poisoned: [], rest: [2, 3, 4] });
  });
});
