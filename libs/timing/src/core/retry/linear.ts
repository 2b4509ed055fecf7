import { checkDuration } from '../check-option.js';
import { checkRange, firstRun, IntervalPolicy, type Run } from './interval-policy.js';

/** Intervals that grow from `minMs` by the same step each, up to `maxMs`. */
export class LinearPolicy extends IntervalPolicy<LinearPolicy> {
  constructor(
    run: Run,
    private readonly minMs: number,
    private readonly maxMs: number,
    private readonly stepMs: number | undefined,
  ) {
    super(run);
    checkRange(minMs, maxMs);
    if (stepMs !== undefined) checkDuration('stepMs', stepMs);
  }

  /** By default the step that makes the last interval `maxMs`; `minMs` when attempts are without end. */
  withStep(ms: number): LinearPolicy {
    return new LinearPolicy(this.run, this.minMs, this.maxMs, ms);
  }

  protected intervalAfter(attempt: number): number {
    return Math.min(this.maxMs, this.minMs + (attempt - 1) * (this.stepMs ?? this.evenStepMs()));
  }

  protected copy(run: Run): LinearPolicy {
    return new LinearPolicy(run, this.minMs, this.maxMs, this.stepMs);
  }

  /** n attempts have n - 1 intervals between them, and those n - 2 steps. */
  private evenStepMs(): number {
    const { attempts } = this.run;
    if (attempts === 0) return this.minMs;
    return attempts > 2 ? (this.maxMs - this.minMs) / (attempts - 2) : 0;
  }
}

/** @param attempts how many in all, the first one included; 0: without end */
export function linear(attempts: number, minMs: number, maxMs: number): LinearPolicy {
  return new LinearPolicy(firstRun(attempts), minMs, maxMs, undefined);
}
