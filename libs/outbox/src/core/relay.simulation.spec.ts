import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KEYS, SHARDS, World, type Message, type Outcome, type Step } from '../../../../test/support/relay-world.js';

const message: fc.Arbitrary<Message> = fc.record({
  key: fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...KEYS) }, { weight: 1, arbitrary: fc.constant(null) }),
  destinations: fc.constantFrom(['x'], ['y'], ['x', 'y']),
  outcomes: fc.oneof(
    { weight: 5, arbitrary: fc.constant([]) },
    {
      weight: 3,
      arbitrary: fc.array(fc.constantFrom<Outcome>('retry', 'retry', 'whole call', 'unavailable', 'hang'), {
        minLength: 1,
        maxLength: 2,
      }),
    },
    { weight: 1, arbitrary: fc.constant<Outcome[]>(['never', 'never', 'never', 'never', 'never', 'never']) },
  ),
  delayMs: fc.oneof(
    { weight: 12, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 300 }) },
  ),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      messages: fc.array(message, { minLength: 1, maxLength: 12 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 300 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), relay: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pump' as const), relay: fc.nat(1) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('handOver' as const),
      shard: fc.constantFrom(...SHARDS),
      graceful: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), on: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('pause' as const, 'resume' as const),
      destination: fc.constantFrom('x', 'y'),
      everywhere: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('operator' as const),
      what: fc.constantFrom('requeue' as const, 'purge' as const, 'release' as const),
    }),
  },
);

/** More of them, for an hour by oneself: OUTBOX_SIMULATIONS=20000 npx vitest run ... */
const RUNS = Number(process.env['OUTBOX_SIMULATIONS'] ?? 100);

describe('Two relays', () => {
  it.each(['hold', 'continue'] as const)(
    'deliver all, each key in order, whatever fails, ends or changes hands (%s)',
    { timeout: 3_600_000 },
    async (afterDeadLetter) => {
      const steps = fc.array(step, { minLength: 1, maxLength: 60, size: 'max' });
      await fc.assert(
        fc.asyncProperty(steps, fc.integer(), async (taken, seed) => {
          const world = new World(afterDeadLetter, seed);
          for (const one of taken) await world.take(one);
          await world.settle();
          expect(await world.judge()).toEqual([]);
          await world.stop();
        }),
        { numRuns: RUNS },
      );
    },
  );
});
