import * as fc from 'fast-check';
import { SystemClock } from 'nestjs-turnpike/timing';
import { describe, expect, it } from 'vitest';
import { Barrier, type JobState } from '../index.js';

const KEYS = ['a', 'b'];
const DISABLED_MS = 100;
const HALF_ENABLED_MS = 50;

/** What the outside is like: the time, and the keys without an order. */
interface World {
  nowMs: number;
  readonly unordered: Set<string>;
}

interface Limits {
  readonly concurrencyLimit: number;
  readonly keyThreshold: number;
}

/**
 * The barrier as its specification tells it, without a thought for speed: lists that are searched, and every answer worked
 * out anew.
 */
class NaiveBarrier {
  private inside: { key: string; jobId: number; ordered: boolean; admitted: boolean }[] = [];
  private failures: { key: string; jobId: number }[] = [];
  private limiters: string[] = [];
  private modes: { key: string; mode: 'disabled' | 'halfEnabled'; sinceMs: number }[] = [];
  private queue: { key: string; jobId: number; state: JobState }[] = [];

  constructor(
    private readonly limits: Limits,
    private readonly world: World,
  ) {}

  enter(key: string, jobId: number): unknown {
    this.step(key);
    const others = this.inside.filter((job) => job.key === key && job.ordered && job.jobId !== jobId);
    const counted = this.inside.some((job) => job.key === key && job.ordered && job.jobId === jobId);
    const { keyThreshold, concurrencyLimit } = this.limits;
    if (this.world.unordered.has(key) || (keyThreshold > 0 && !counted && others.length >= keyThreshold))
      this.disable(key);
    const previousFailedJobId = this.failedJob(key);
    if (previousFailedJobId !== undefined && previousFailedJobId !== jobId)
      return { accepted: false, previousFailedJobId };
    const admitted = this.inside.filter((job) => job.key === key && job.admitted && job.jobId !== jobId);
    if (this.limiters.includes(key) && concurrencyLimit > 0 && admitted.length >= concurrencyLimit) {
      const isAdmitted = this.inside.some((job) => job.key === key && job.admitted && job.jobId === jobId);
      if (!isAdmitted) return { accepted: false };
    }
    this.leave(key, jobId, 'keep the mode');
    this.inside.push({ key, jobId, ordered: !this.isDisabled(key), admitted: this.limiters.includes(key) });
    return previousFailedJobId === undefined ? { accepted: true } : { accepted: true, previousFailedJobId };
  }

  leave(key: string, jobId: number, mode?: 'keep the mode'): void {
    this.inside = this.inside.filter((job) => job.key !== key || job.jobId !== jobId);
    if (!mode) this.forget();
  }

  wait(key: string, jobId: number): unknown {
    const previousFailedJobId = this.peek(key);
    return previousFailedJobId === undefined
      ? { wait: false }
      : { wait: previousFailedJobId !== jobId, previousFailedJobId };
  }

  stateChanged(key: string, jobId: number, state: JobState): void {
    if (state !== 'failed') {
      if (this.failedJob(key) !== undefined || this.limiters.includes(key)) this.queue.push({ key, jobId, state });
      else this.leave(key, jobId);
      return;
    }
    if (this.disabled(key)) return this.leave(key, jobId);
    this.leave(key, jobId, 'keep the mode');
    if (this.failedJob(key) === undefined) this.failures.push({ key, jobId });
    this.limiters = this.limiters.filter((limited) => limited !== key);
  }

  sync(): number {
    const queue = this.queue.splice(0);
    for (const { key, jobId, state } of queue) {
      const wasFailed = this.failedJob(key) === jobId;
      const over = state !== 'waiting' && (wasFailed || this.failedJob(key) === undefined);
      if (over) {
        this.failures = this.failures.filter((failure) => failure.key !== key);
        this.limiters = this.limiters.filter((limited) => limited !== key);
        if (wasFailed && state === 'aborted' && this.limits.concurrencyLimit > 0) this.limiters.push(key);
      }
      this.inside = this.inside
        .filter((job) => job.key !== key || job.jobId !== jobId)
        .map((job) => (over && job.key === key ? { ...job, admitted: false } : job));
      this.forget();
    }
    return queue.length;
  }

  peek(key: string): number | undefined {
    return this.world.unordered.has(key) ? undefined : this.failedJob(key);
  }

  disabled(key: string): boolean {
    return this.world.unordered.has(key) || this.isDisabled(key);
  }

  get size(): number {
    return KEYS.filter((key) => this.known(key)).length;
  }

  private failedJob(key: string): number | undefined {
    return this.failures.find((failure) => failure.key === key)?.jobId;
  }

  private isDisabled(key: string): boolean {
    return this.modes.some((entry) => entry.key === key && entry.mode === 'disabled');
  }

  private step(key: string): void {
    this.modes = this.modes.flatMap((entry) => {
      const durationMs = entry.mode === 'disabled' ? DISABLED_MS : HALF_ENABLED_MS;
      if (entry.key !== key || this.world.nowMs - entry.sinceMs < durationMs) return [entry];
      return entry.mode === 'disabled' ? [{ key, mode: 'halfEnabled' as const, sinceMs: this.world.nowMs }] : [];
    });
  }

  private disable(key: string): void {
    this.modes = this.modes.filter((entry) => entry.key !== key);
    this.modes.push({ key, mode: 'disabled', sinceMs: this.world.nowMs });
    this.failures = this.failures.filter((failure) => failure.key !== key);
    this.limiters = this.limiters.filter((limited) => limited !== key);
    this.inside = this.inside.map((job) => (job.key === key ? { ...job, ordered: false, admitted: false } : job));
  }

  private known(key: string): boolean {
    const insideOrHeld = [...this.inside, ...this.failures].some((job) => job.key === key);
    return insideOrHeld || this.limiters.includes(key);
  }

  private forget(): void {
    this.modes = this.modes.filter((entry) => this.known(entry.key));
  }
}

type Step =
  | { readonly call: 'enter' | 'leave' | 'wait'; readonly key: string; readonly jobId: number }
  | { readonly call: 'stateChanged'; readonly key: string; readonly jobId: number; readonly state: JobState }
  | { readonly call: 'sync' }
  | { readonly call: 'advance'; readonly ms: number }
  | { readonly call: 'toggleOrdering'; readonly key: string };

const job = { key: fc.constantFrom(...KEYS), jobId: fc.integer({ min: 1, max: 6 }) };
const state = fc.constantFrom<JobState>('succeeded', 'filtered', 'failed', 'aborted', 'waiting');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ call: fc.constant('enter' as const), ...job }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constantFrom('leave' as const, 'wait' as const), ...job }) },
  { weight: 6, arbitrary: fc.record({ call: fc.constant('stateChanged' as const), ...job, state }) },
  { weight: 3, arbitrary: fc.record({ call: fc.constant('sync' as const) }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('advance' as const), ms: fc.constantFrom(49, 50, 100) }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('toggleOrdering' as const), key: job.key }) },
);
const limits = fc.record({
  concurrencyLimit: fc.integer({ min: 0, max: 2 }),
  keyThreshold: fc.integer({ min: 0, max: 3 }),
});

type Answers = readonly (readonly unknown[])[];

/** What a barrier answers to each step, and what it looks like after it. */
function answers(barrier: Barrier | NaiveBarrier, world: World, steps: readonly Step[]): Answers {
  return steps.map((next) => {
    const answer = take(barrier, world, next);
    return [next, answer, barrier.size, ...KEYS.flatMap((key) => [barrier.peek(key), barrier.disabled(key)])];
  });
}

function take(barrier: Barrier | NaiveBarrier, world: World, next: Step): unknown {
  switch (next.call) {
    case 'advance':
      world.nowMs += next.ms;
      return undefined;
    case 'toggleOrdering':
      return world.unordered.delete(next.key) || world.unordered.add(next.key).size;
    case 'sync':
      return barrier.sync();
    case 'stateChanged':
      return barrier.stateChanged(next.key, next.jobId, next.state);
    default:
      return barrier[next.call](next.key, next.jobId);
  }
}

function naively(limits: Limits, steps: readonly Step[]): Answers {
  const world = { nowMs: 0, unordered: new Set<string>() };
  return answers(new NaiveBarrier(limits, world), world, steps);
}

function really(limits: Limits, steps: readonly Step[]): Answers {
  const world = { nowMs: 0, unordered: new Set<string>() };
  const barrier = new Barrier({
    ...limits,
    disabledForMs: DISABLED_MS,
    halfEnabledForMs: HALF_ENABLED_MS,
    orderingDisabled: (key) => world.unordered.has(key),
    clock: Object.assign(new SystemClock(), { monotonic: () => world.nowMs }),
  });
  return answers(barrier, world, steps);
}

describe('any sequence of calls', () => {
  it('gets the answers of the specification', () => {
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 60 }), (chosen, steps) => {
        expect(really(chosen, steps)).toEqual(naively(chosen, steps));
      }),
      { numRuns: 1000 },
    );
  });
});
