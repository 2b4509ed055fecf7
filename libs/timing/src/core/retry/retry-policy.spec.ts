import { getEventListeners } from 'node:events';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../testing/manual-clock.js';
import { exponential } from './exponential.js';
import { fixed } from './fixed.js';
import { linear } from './linear.js';
import { type RetryPolicy } from './retry-policy.js';

const delays = (policy: RetryPolicy, count: number): (number | undefined)[] =>
  Array.from({ length: count }, (_, index) => policy.delayFor(index + 1));

describe('a delay', () => {
  it.each([
    ['fixed', fixed(4, 50), [50, 50, 50, undefined]],
    ['fixed, without end', fixed(0, 50), [50, 50, 50, 50]],
    ['linear ends at its maximum', linear(5, 10, 70), [10, 30, 50, 70, undefined]],
    ['linear, two attempts', linear(2, 10, 70), [10, undefined]],
    ['linear, without end', linear(0, 10, 35), [10, 20, 30, 35]],
    ['linear with a step', linear(5, 10, 70).withStep(25), [10, 35, 60, 70, undefined]],
    ['exponential', exponential(5, 10, 70), [10, 20, 40, 70, undefined]],
    ['exponential with a base', exponential(0, 10, 1000).withBase(3), [10, 30, 90, 270, 810, 1000]],
    ['one attempt', exponential(1, 10, 70), [undefined]],
  ])('%s', (_name, policy, expected) => {
    expect(delays(policy.withJitter(0), expected.length)).toEqual(expected);
  });

  it('is capped also when the power overflows', () => {
    expect(exponential(0, 1, 5000).withJitter(0).delayFor(1_000_000)).toBe(5000);
  });

  const policies = fc
    .record({
      attempts: fc.nat(30),
      min: fc.integer({ min: 1, max: 1000 }),
      more: fc.nat(100_000),
      step: fc.option(fc.nat(5000)),
      base: fc.double({ min: 1.01, max: 10, noNaN: true }),
      kind: fc.constantFrom('fixed' as const, 'linear' as const, 'exponential' as const),
    })
    .map(({ kind, attempts, min, more, step, base }) => {
      const max = kind === 'fixed' ? min : min + more;
      if (kind === 'fixed') return { min, max, policy: fixed(attempts, min) };
      if (kind === 'exponential') return { min, max, policy: exponential(attempts, min, max).withBase(base) };
      return {
        min,
        max,
        policy: step === null ? linear(attempts, min, max) : linear(attempts, min, max).withStep(step),
      };
    });

  it('never shrinks and stays within minimum and maximum, before jitter', () => {
    fc.assert(
      fc.property(policies, ({ policy, min, max }) => {
        let last = min;
        for (const delay of delays(policy.withJitter(0), 40)) {
          if (delay === undefined) continue;
          expect(delay).toBeGreaterThanOrEqual(last);
          expect(delay).toBeLessThanOrEqual(max);
          last = delay;
        }
      }),
    );
  });

  it('is its interval times a factor within 1 ± jitter', () => {
    const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(policies, share, share, fc.integer({ min: 1, max: 40 }), ({ policy }, jitter, random, attempt) => {
        const interval = policy.withJitter(0).delayFor(attempt);
        const delay = policy
          .withJitter(jitter)
          .derive({ random: () => random })
          .delayFor(attempt);
        expect(delay === undefined).toBe(interval === undefined);
        expect(delay ?? 0).toBeCloseTo((interval ?? 0) * (1 - jitter + 2 * jitter * random), 5);
      }),
    );
  });

  it('has a jitter of 0.1 unless told otherwise', () => {
    expect(
      fixed(0, 100)
        .derive({ random: () => 0 })
        .delayFor(1),
    ).toBeCloseTo(90);
    expect(
      fixed(0, 100)
        .derive({ random: () => 0.75 })
        .delayFor(1),
    ).toBeCloseTo(105);
  });
});

describe('a run of attempts', () => {
  it('starts at once, then waits its interval each time, until the attempts are used up', async () => {
    const clock = new ManualClock();
    const policy = exponential(3, 10, 100).withJitter(0).derive({ clock });
    const attempts: [number, boolean][] = [];
    const run = (async () => {
      for (;;) {
        const goOn = await policy.attempt();
        attempts.push([clock.monotonic(), goOn]);
        if (!goOn) return;
      }
    })();
    await clock.advance(1000);
    await run;
    expect(attempts).toEqual([
      [0, true],
      [10, true],
      [30, true],
      [30, false],
    ]);
    expect(await policy.attempt()).toBe(false);
  });

  it('ends at once when its signal aborts, and leaves neither timer nor listener', async () => {
    const clock = new ManualClock();
    const policy = fixed(0, 1000).derive({ clock });
    const abort = new AbortController();
    expect(await policy.attempt(abort.signal)).toBe(true);
    const waiting = policy.attempt(abort.signal);
    await clock.advance(500);
    expect(clock.waiting).toBe(1);
    abort.abort();
    expect(await waiting).toBe(false);
    expect(clock.waiting).toBe(0);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    expect(clock.monotonic()).toBe(500);
  });

  it('leaves no listener on its signal after a wait that was not aborted', async () => {
    const clock = new ManualClock();
    const policy = fixed(0, 1000).derive({ clock });
    const { signal } = new AbortController();
    await policy.attempt(signal);
    const waiting = policy.attempt(signal);
    await clock.advance(1100);
    expect(await waiting).toBe(true);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('does not start with an aborted signal', async () => {
    const policy = fixed(1, 0);
    expect(await policy.attempt(AbortSignal.abort())).toBe(false);
    expect(await policy.attempt()).toBe(true);
  });

  it('reports a clock that fails instead of calling it an abort', async () => {
    const clock = new ManualClock();
    clock.sleep = () => Promise.reject(new Error('no time'));
    const policy = fixed(0, 1).derive({ clock });
    await policy.attempt();
    await expect(policy.attempt(new AbortController().signal)).rejects.toThrow('no time');
  });

  it('is not shared: derive and every with... start anew', async () => {
    const policy = linear(1, 1, 1);
    expect(await policy.attempt()).toBe(true);
    expect(await policy.attempt()).toBe(false);
    for (const other of [policy.derive(), policy.withJitter(0), policy.withCooldown(5), policy.withStep(1)]) {
      expect(await other.attempt()).toBe(true);
      expect(await other.attempt()).toBe(false);
    }
  });

  it('keeps its settings when derived', () => {
    const policy = exponential(9, 10, 1000).withBase(3).withJitter(0).withCooldown(77).derive();
    expect(policy.cooldownMs).toBe(77);
    expect(policy.delayFor(2)).toBe(30);
    expect(linear(9, 10, 1000).withStep(5).withJitter(0).delayFor(2)).toBe(15);
  });
});

describe('an option out of range', () => {
  const endless = fixed(0, 1);
  it.each([
    ['attempts', () => fixed(-1, 1)],
    ['attempts', () => linear(1.5, 1, 2)],
    ['attempts', () => exponential(Number.NaN, 1, 2)],
    ['intervalMs', () => fixed(1, -1)],
    ['intervalMs', () => fixed(1, Number.POSITIVE_INFINITY)],
    ['minMs', () => linear(1, -1, 2)],
    ['minMs', () => exponential(1, 0, 2)],
    ['maxMs', () => linear(1, 3, 2)],
    ['maxMs', () => exponential(1, 3, 2)],
    ['jitter', () => endless.withJitter(1)],
    ['jitter', () => endless.withJitter(-0.1)],
    ['jitter', () => endless.withJitter(Number.NaN)],
    ['cooldownMs', () => fixed(1, 1).withCooldown(-1)],
    ['cooldownMs', () => endless.withCooldown(1)],
    ['stepMs', () => linear(1, 1, 2).withStep(-1)],
    ['base', () => exponential(1, 1, 2).withBase(1)],
    ['base', () => exponential(1, 1, 2).withBase(Number.POSITIVE_INFINITY)],
    ['attempt', () => endless.delayFor(0)],
  ])('%s is refused by its name (%s)', (name, make) => {
    expect(make).toThrow(RangeError);
    expect(make).toThrow(new RegExp(`^${name} must `));
  });
});
