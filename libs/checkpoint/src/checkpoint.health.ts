import type { HealthIndicatorResult } from '@nestjs/terminus';
import type { HealthReporter } from '#nest';
import { type Checkpoints } from './checkpoints.js';
import { type OpenStream } from './open-streams.js';

/**
 * Down while a position of an open stream has been unresolved for longer than `maxUnresolvedAgeMs`, or the last commit
 * of one failed. Names the streams that are unwell, and how many are open.
 */
export class CheckpointHealthIndicator {
  constructor(
    private readonly health: HealthReporter,
    private readonly checkpoints: Checkpoints,
    private readonly maxUnresolvedAgeMs: number,
  ) {}

  async check<Key extends string = 'checkpoint'>(key: Key = 'checkpoint' as Key): Promise<HealthIndicatorResult<Key>> {
    const check = this.health.check(key);
    const open = [...this.checkpoints.streams];
    const unwell = open.filter((stream) => this.isUnwell(stream));
    if (unwell.length === 0) return check.up({ open: open.length });
    return check.down({ open: open.length, unwell: unwell.map(describe) });
  }

  private isUnwell({ failures, oldestUnresolvedMs }: OpenStream): boolean {
    return failures > 0 || oldestUnresolvedMs > this.maxUnresolvedAgeMs;
  }
}

function describe({ stream, partition, pending, oldestUnresolvedMs, failures }: OpenStream) {
  return { stream, partition, pending, oldestUnresolvedMs: Math.round(oldestUnresolvedMs), failures };
}
