import { checkDuration, checkInteger, checkOption } from '../check-option.js';
import { SystemClock } from '../clock.js';
import { type RetryEnvironment, type RetryPolicy } from './retry-policy.js';

export interface Run extends RetryEnvironment {
  /** 0: without end. */
  readonly attempts: number;
  readonly jitter: number;
  readonly cooldownMs: number;
}

/**
 * What the policies share: counting attempts, waiting, jitter. They differ in `intervalAfter` alone.
 * A policy does not change: every `with...` gives another one, which starts anew.
 */
export abstract class IntervalPolicy<Self extends RetryPolicy> implements RetryPolicy {
  private attempted = 0;

  protected constructor(protected readonly run: Run) {
    checkInteger('attempts', run.attempts, 0);
    checkOption('jitter', run.jitter, run.jitter >= 0 && run.jitter < 1, 'be at least 0 and below 1');
    checkDuration('cooldownMs', run.cooldownMs);
    checkOption(
      'cooldownMs',
      run.cooldownMs,
      run.cooldownMs === 0 || run.attempts > 0,
      'be 0 when attempts are without end',
    );
  }

  get cooldownMs(): number {
    return this.run.cooldownMs;
  }

  async attempt(signal?: AbortSignal): Promise<boolean> {
    if (signal?.aborted) return false;
    if (this.attempted > 0) {
      const delayMs = this.delayFor(this.attempted);
      if (delayMs === undefined || !(await this.wait(delayMs, signal))) return false;
    }
    this.attempted++;
    return true;
  }

  delayFor(attempt: number): number | undefined {
    checkInteger('attempt', attempt, 1);
    const { attempts, jitter, random } = this.run;
    if (attempts > 0 && attempt >= attempts) return undefined;
    return this.intervalAfter(attempt) * (1 + jitter * (2 * random() - 1));
  }

  derive(environment: Partial<RetryEnvironment> = {}): Self {
    return this.copy({ ...this.run, ...environment });
  }

  /** Each delay is its interval times a random factor within `1 ± fraction`: 0.1 by default, 0 for none. */
  withJitter(fraction: number): Self {
    return this.copy({ ...this.run, jitter: fraction });
  }

  /** 0 by default. Attempts without end have none, as they are never used up. */
  withCooldown(ms: number): Self {
    return this.copy({ ...this.run, cooldownMs: ms });
  }

  /** In ms, before jitter, and never above the policy's maximum. */
  protected abstract intervalAfter(attempt: number): number;
  protected abstract copy(run: Run): Self;

  private async wait(delayMs: number, signal?: AbortSignal): Promise<boolean> {
    try {
      await this.run.clock.sleep(delayMs, signal);
      return true;
    } catch (error) {
      if (signal?.aborted) return false;
      throw error;
    }
  }
}

export function firstRun(attempts: number): Run {
  return { attempts, jitter: 0.1, cooldownMs: 0, clock: new SystemClock(), random: Math.random };
}

export function checkRange(minMs: number, maxMs: number): void {
  checkDuration('minMs', minMs);
  checkDuration('maxMs', maxMs);
  checkOption('maxMs', maxMs, maxMs >= minMs, `be at least minMs (${minMs})`);
}
