import { checkOption } from '../check-option.js';
import { checkRange, firstRun, IntervalPolicy, type Run } from './interval-policy.js';

/** Intervals that grow from `minMs` by the same factor each, up to `maxMs`. */
export class ExponentialPolicy extends IntervalPolicy<ExponentialPolicy> {
  constructor(
    run: Run,
    private readonly minMs: number,
    private readonly maxMs: number,
    private readonly base: number,
  ) {
    super(run);
    checkRange(minMs, maxMs);
    checkOption('minMs', minMs, minMs > 0, 'be above 0, as 0 does not grow');
    checkOption('base', base, Number.isFinite(base) && base > 1, 'be a finite number above 1');
  }

  /** The factor: 2 by default. */
  withBase(base: number): ExponentialPolicy {
    return new ExponentialPolicy(this.run, this.minMs, this.maxMs, base);
  }

  protected intervalAfter(attempt: number): number {
    return Math.min(this.maxMs, this.minMs * this.base ** (attempt - 1));
  }

  protected copy(run: Run): ExponentialPolicy {
    return new ExponentialPolicy(run, this.minMs, this.maxMs, this.base);
  }
}

/** @param attempts how many in all, the first one included; 0: without end */
export function exponential(attempts: number, minMs: number, maxMs: number): ExponentialPolicy {
  return new ExponentialPolicy(firstRun(attempts), minMs, maxMs, 2);
}
