import type { HealthReporter } from '#nest';
import type { HealthIndicatorResult } from '@nestjs/terminus';
import { BoundedLeaseStore } from './core/bounded-lease-store.js';
import { StoreLessor, type Lessor } from './core/lessor.js';
import { Partition } from './core/partition.js';
import type { LeaseBalancers } from './lease-balancers.js';
import type { ResolvedLessorOptions } from './lessor.options.js';

/** A section of nobody's. */
const PROBE = 'turnpike.health';
const ANSWER_WITHIN_MS = 5000;

/**
 * Up while the store answers within 5 s and no balancer has been without parts, though it should have some, for more
 * than two of its terms. A lessor of your own that has no store is asked for a lease.
 */
export class LessorHealthIndicator {
  constructor(
    private readonly health: HealthReporter,
    private readonly lessor: Lessor,
    private readonly balancers: LeaseBalancers,
    private readonly options: ResolvedLessorOptions,
  ) {}

  async check<Key extends string = 'lessor'>(key: Key = 'lessor' as Key): Promise<HealthIndicatorResult<Key>> {
    const check = this.health.check(key);
    const shares = [...this.balancers.all].map(([{ owned, share, starved }, section]) => {
      return { section, parts: owned.length, share, starved };
    });
    try {
      await this.probe();
    } catch (error) {
      return check.down({ error: error instanceof Error ? error.message : String(error), shares });
    }
    return shares.some(({ starved }) => starved) ? check.down({ shares }) : check.up({ shares });
  }

  private async probe(): Promise<void> {
    if (this.lessor instanceof StoreLessor) {
      await new BoundedLeaseStore(this.lessor.store, this.options.clock, ANSWER_WITHIN_MS).members(PROBE);
    } else {
      await this.lessor.withLease(PROBE, Partition.fromInts(0, 1), ANSWER_WITHIN_MS, async () => undefined);
    }
  }
}
