import type { HealthIndicatorResult } from '@nestjs/terminus';
import type { HealthReporter } from '#nest';
import type { BarrierRegistry, RegisteredBarrier } from './barrier.registry.js';

interface BarrierHealth {
  readonly up: boolean;
  readonly held: number;
  readonly oldestHoldAgeMs: number;
  readonly storeFailures: number;
}

/** Down while a barrier has held a key for longer than its `maxHoldAgeMs`, or its last save failed. */
export class BarrierHealthIndicator {
  constructor(
    private readonly health: HealthReporter,
    private readonly registry: BarrierRegistry,
  ) {}

  async check<Key extends string = 'barrier'>(key: Key = 'barrier' as Key): Promise<HealthIndicatorResult<Key>> {
    const check = this.health.check(key);
    const barriers = this.registry.barriers.map((each) => [each.barrier.name, healthOf(each)] as const);
    const details = Object.fromEntries(barriers);
    return barriers.every(([, { up }]) => up) ? check.up(details) : check.down(details);
  }
}

function healthOf({
  barrier: { held, oldestHoldAgeMs, storeFailures },
  maxHoldAgeMs,
}: RegisteredBarrier): BarrierHealth {
  return { up: oldestHoldAgeMs <= maxHoldAgeMs && storeFailures === 0, held, oldestHoldAgeMs, storeFailures };
}
