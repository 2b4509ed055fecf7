import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Checkpointer } from './checkpointer.js';

/** What the checkpointer does, in the most naive way. */
class Model {
  readonly entries: { payload: number; size: number; resolved: boolean }[] = [];

  private get prefix(): number {
    const index = this.entries.findIndex((entry) => !entry.resolved);
    return index === -1 ? this.entries.length : index;
  }

  get highest(): number | undefined {
    return this.entries[this.prefix - 1]?.payload;
  }

  get pending(): number {
    return this.entries.slice(this.prefix).reduce((sum, { size }) => sum + size, 0);
  }

  get oldest(): number | undefined {
    return this.entries[this.prefix]?.payload;
  }
}

describe('Checkpointer', () => {
  it('is empty at first', () => {
    const checkpointer = new Checkpointer<string>();
    expect(checkpointer).toMatchObject({ highest: undefined, pending: 0, oldest: undefined });
  });

  it('moves on when the lowest is resolved, past all that was resolved before', () => {
    const checkpointer = new Checkpointer<string>();
    const [a, b, c] = [checkpointer.track('a', 1), checkpointer.track('b', 10), checkpointer.track('c', 100)];
    expect(b()).toBeUndefined();
    expect(checkpointer).toMatchObject({ pending: 111, oldest: 'a' });
    expect(a()).toBe('b');
    expect(checkpointer).toMatchObject({ highest: 'b', pending: 100, oldest: 'c' });
    expect(c()).toBe('c');
    expect(checkpointer).toMatchObject({ highest: 'c', pending: 0, oldest: undefined });
  });

  it('changes nothing when a resolver is called again, and answers with what is highest by then', () => {
    const checkpointer = new Checkpointer<number>();
    const [first, second, third] = [checkpointer.track(1), checkpointer.track(2), checkpointer.track(3)];
    second();
    second();
    expect(checkpointer).toMatchObject({ highest: undefined, pending: 3, oldest: 1 });
    first();
    expect(first()).toBe(2);
    expect(checkpointer).toMatchObject({ highest: 2, pending: 1, oldest: 3 });
    third();
    expect([first(), second(), third()]).toEqual([3, 3, 3]);
    expect(checkpointer.pending).toBe(0);
  });

  it('goes on after it was empty', () => {
    const checkpointer = new Checkpointer<number>();
    checkpointer.track(1)();
    const resolve = checkpointer.track(2);
    expect(checkpointer).toMatchObject({ highest: 1, pending: 1, oldest: 2 });
    expect(resolve()).toBe(2);
  });

  it('tracks undefined and null like any other payload', () => {
    const checkpointer = new Checkpointer<string | null | undefined>();
    const [first, second] = [checkpointer.track(undefined), checkpointer.track(null)];
    expect(second()).toBeUndefined();
    expect(first()).toBeNull();
    expect(checkpointer.pending).toBe(0);
  });

  it('says when the prefix has moved on, and only then', () => {
    const seen: (number | undefined)[] = [];
    const checkpointer: Checkpointer<number> = new Checkpointer(() => seen.push(checkpointer.highest));
    const [first, second, third] = [checkpointer.track(1), checkpointer.track(2), checkpointer.track(3)];
    second();
    expect(seen).toEqual([]);
    first();
    first();
    third();
    expect(seen).toEqual([2, 3]);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses the size %s and stays as it was', (size) => {
    const checkpointer = new Checkpointer<number>();
    const resolve = checkpointer.track(1);
    expect(() => checkpointer.track(2, size)).toThrow(/^size must be a whole number of at least 0, but is/);
    expect(checkpointer.pending).toBe(1);
    expect(resolve()).toBe(1);
    expect(checkpointer.pending).toBe(0);
  });

  it('is what a naive model says, after every step of any history', () => {
    const size = fc.nat(5).map((size) => ({ size }));
    const steps = fc.array(fc.oneof(size, fc.nat()), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (steps) => {
        const checkpointer = new Checkpointer<number>();
        const model = new Model();
        const resolvers: (() => number | undefined)[] = [];
        const answers: [given: number | undefined, expected: number | undefined][] = [];
        for (const step of steps) {
          if (typeof step === 'object') {
            model.entries.push({ payload: resolvers.length, size: step.size, resolved: false });
            resolvers.push(checkpointer.track(resolvers.length, step.size));
          } else if (resolvers.length > 0) {
            const index = step % resolvers.length;
            model.entries[index]!.resolved = true;
            answers.push([resolvers[index]!(), model.highest]);
          }
          const { highest, pending, oldest } = checkpointer;
          expect({ highest, pending, oldest }).toEqual({
            highest: model.highest,
            pending: model.pending,
            oldest: model.oldest,
          });
          for (const { payload, resolved } of model.entries) {
            expect(resolved || (highest ?? -1) < payload).toBe(true);
          }
        }
        expect(answers.map(([given]) => given)).toEqual(answers.map(([, expected]) => expected));
      }),
    );
  });

  const count = 100_000;
  const sequential = Array.from({ length: count }, (_, index) => index);
  const shuffled = [...sequential];
  for (let index = count - 1, seed = 1; index > 0; index--) {
    seed = (seed * 48_271) % 2_147_483_647;
    const other = seed % (index + 1);
    [shuffled[index], shuffled[other]] = [shuffled[other]!, shuffled[index]!];
  }
  const chunks = Array.from({ length: count / 1000 }, (_, chunk) =>
    sequential.slice(chunk * 1000, (chunk + 1) * 1000).toReversed(),
  );

  it.each([
    ['in sequence', sequential],
    ['in reverse', sequential.toReversed()],
    ['at random', shuffled],
    ['in reversed chunks', chunks.flat()],
  ])('comes to the same end when 100,000 are resolved %s', (_name, order) => {
    const checkpointer = new Checkpointer<number>();
    const resolvers = sequential.map((payload) => checkpointer.track(payload));
    const resolved = new Uint8Array(count);
    let prefix = 0;
    let wrong = 0;
    for (const index of order) {
      resolved[index] = 1;
      while (resolved[prefix]) prefix++;
      if (resolvers[index]!() !== (prefix === 0 ? undefined : prefix - 1)) wrong++;
      if (checkpointer.pending !== count - prefix) wrong++;
    }
    expect(wrong).toBe(0);
    expect(checkpointer).toMatchObject({ highest: count - 1, pending: 0, oldest: undefined });
  });

  it('keeps no payload that was resolved, but the highest, also while its resolver is kept', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const checkpointer = new Checkpointer<object>();
    const references: WeakRef<object>[] = [];
    const resolvers = Array.from({ length: 10 }, () => {
      const payload = {};
      references.push(new WeakRef(payload));
      return checkpointer.track(payload);
    });
    for (const index of [3, 2, 0, 1, 5, 7]) resolvers[index]!();
    // A WeakRef holds its target until the turn that made or read it is over.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    const kept = references.flatMap((reference, index) => (reference.deref() ? [index] : []));
    // 3 is the highest; 4, 6, 8 and 9 are unresolved; 5 and 7 are the ends of the runs behind 4 and 6.
    expect(kept).toEqual([3, 4, 5, 6, 7, 8, 9]);
    expect(resolvers).toHaveLength(10);
  });
});
