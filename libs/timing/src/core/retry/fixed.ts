import { checkDuration } from '../check-option.js';
import { firstRun, IntervalPolicy, type Run } from './interval-policy.js';

/** The same interval before every further attempt. */
export class FixedPolicy extends IntervalPolicy<FixedPolicy> {
  constructor(
    run: Run,
    private readonly intervalMs: number,
  ) {
    super(run);
    checkDuration('intervalMs', intervalMs);
  }

  protected intervalAfter(): number {
    return this.intervalMs;
  }

  protected copy(run: Run): FixedPolicy {
    return new FixedPolicy(run, this.intervalMs);
  }
}

/** @param attempts how many in all, the first one included; 0: without end */
export function fixed(attempts: number, intervalMs: number): FixedPolicy {
  return new FixedPolicy(firstRun(attempts), intervalMs);
}
