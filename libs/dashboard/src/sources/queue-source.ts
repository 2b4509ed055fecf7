import type { Queue } from 'nestjs-turnpike/queue';
import type { Clock } from 'nestjs-turnpike/timing';
import { PacedReading } from '../core/paced-reading.js';
import type { QueueSnapshot } from '../core/snapshot.js';

/** One queue of the app, as the page shows it. */
export class QueueSource {
  private readonly stats;

  constructor(
    readonly queue: Queue<unknown>,
    clock: Clock,
  ) {
    this.stats = new PacedReading(() => queue.stats(), clock, 0.1);
  }

  get name(): string {
    return this.queue.name;
  }

  refresh(): Promise<void> {
    return this.stats.refresh();
  }

  snapshot(): QueueSnapshot {
    const { value, problem = null } = this.stats;
    const stats = value ? { ...value, oldestBatchAgeMs: value.oldestBatchAgeMs ?? null } : null;
    return { name: this.name, stats, problem };
  }
}
