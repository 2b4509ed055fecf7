import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import type { Workers } from './workers.js';

/** Down while processes should relay for this one, and none does: orders are kept, and not delivered. */
export class WorkersHealthIndicator {
  constructor(
    private readonly health: HealthIndicatorService,
    private readonly workers: Workers,
    private readonly isNeeded: boolean,
  ) {}

  check(key = 'workers'): HealthIndicatorResult {
    const session = this.health.check(key);
    const shown = { alive: this.workers.alive };
    return this.isNeeded && shown.alive === 0 ? session.down(shown) : session.up(shown);
  }
}
