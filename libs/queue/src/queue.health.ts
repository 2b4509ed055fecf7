import { Injectable } from '@nestjs/common';
import type { HealthIndicatorResult } from '@nestjs/terminus';
import { HealthReporter } from '#nest';
import { QueueRegistry, type RegisteredQueue } from './queue.registry.js';

interface QueueHealth {
  readonly up: boolean;
  readonly workersAlive?: number;
  readonly workers?: number;
  readonly batches?: number;
  readonly oldestBatchAgeMs?: number | undefined;
  readonly error?: string;
}

/**
 * Up while each queue's workers are alive, its store answers, and its oldest batch is not older than `maxBatchAgeMs`.
 * A worker whose store or codec fails counts as not alive until a round of it succeeds.
 */
@Injectable()
export class QueueHealthIndicator {
  constructor(
    private readonly registry: QueueRegistry,
    private readonly reporter: HealthReporter,
  ) {}

  async check<Key extends string = 'queue'>(key: Key = 'queue' as Key): Promise<HealthIndicatorResult<Key>> {
    const entries = await Promise.all(
      this.registry.queues.map(async (entry) => [entry.queue.name, await healthOf(entry)] as const),
    );
    const details = Object.fromEntries(entries);
    const check = this.reporter.check(key);
    return entries.every(([, { up }]) => up) ? check.up(details) : check.down(details);
  }
}

async function healthOf({ queue, maxBatchAgeMs }: RegisteredQueue): Promise<QueueHealth> {
  try {
    const { workers, batches, oldestBatchAgeMs } = await queue.stats();
    const tooOld = maxBatchAgeMs > 0 && (oldestBatchAgeMs ?? 0) > maxBatchAgeMs;
    const up = workers.alive === workers.total && !tooOld;
    return { up, workersAlive: workers.alive, workers: workers.total, batches, oldestBatchAgeMs };
  } catch (error) {
    return { up: false, error: error instanceof Error ? error.message : String(error) };
  }
}
