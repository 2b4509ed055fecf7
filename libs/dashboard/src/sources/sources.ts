import type { BarrierSnapshot, CheckpointSnapshot, History, OutboxSnapshot, QueueSnapshot } from '../core/snapshot.js';
import type { Checkpoints } from 'nestjs-turnpike/checkpoint';
import type { PersistentBarrier } from 'nestjs-turnpike/barrier';
import type { OutboxSource } from './outbox-source.js';
import type { QueueSource } from './queue-source.js';

/** What the app has of us. */
export interface Found {
  readonly outboxes: readonly OutboxSource[];
  readonly queues: readonly QueueSource[];
  readonly checkpoints: readonly Checkpoints[];
  readonly barriers: readonly Pick<PersistentBarrier, 'name' | 'held' | 'oldestHoldAgeMs'>[];
}

export interface Seen {
  readonly outboxes: readonly OutboxSnapshot[];
  readonly queues: readonly QueueSnapshot[];
  readonly checkpoints: readonly CheckpointSnapshot[];
  readonly barriers: readonly BarrierSnapshot[];
}

/** So many streams are shown: an app may open one for each of a thousand partitions. */
const STREAMS_SHOWN = 200;

/** All that the app has of us, and what it looks like now. */
export class Sources {
  constructor(readonly found: Found) {}

  outbox(name: string): OutboxSource | undefined {
    return this.found.outboxes.find((one) => one.name === name);
  }

  queue(name: string): QueueSource | undefined {
    return this.found.queues.find((one) => one.name === name);
  }

  get history(): History {
    return { outboxes: Object.fromEntries(this.found.outboxes.map(({ name, history }) => [name, history])) };
  }

  glance(): string {
    return this.found.outboxes.map((one) => one.glance()).join(',');
  }

  /** Asks the databases. What may be asked within `patienceMs` is waited for. Does not reject. */
  async refresh(patienceMs: number): Promise<void> {
    const { outboxes, queues } = this.found;
    await Promise.all([...outboxes.map((one) => one.refresh(patienceMs)), ...queues.map((one) => one.refresh())]);
  }

  snapshot(): Seen {
    const { outboxes, queues, checkpoints, barriers } = this.found;
    return {
      outboxes: outboxes.map((one) => one.snapshot()),
      queues: queues.map((one) => one.snapshot()),
      checkpoints: checkpoints
        .flatMap(({ streams }) => [...streams])
        .slice(0, STREAMS_SHOWN)
        .map(({ stream, partition, committed, pending, oldestUnresolvedMs, failures }) => ({
          stream,
          partition,
          committed: committed === undefined ? null : JSON.stringify(committed),
          pending,
          oldestUnresolvedMs,
          failures,
        })),
      barriers: barriers.map(({ name, held, oldestHoldAgeMs }) => ({ name, held, oldestHoldAgeMs })),
    };
  }
}
