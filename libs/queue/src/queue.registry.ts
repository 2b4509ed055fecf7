import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { DuplicateQueueError, QueueDataSourceError, QueueProcessorError } from './queue.module-errors.js';
import { QueueMetrics } from './queue.metrics.js';
import { checkHealthOptions, type QueueDefaults, type RegisterQueueOptions } from './queue.module-options.js';
import { Queue, type Process } from './queue.js';

export const QUEUE_DEFAULTS = Symbol('turnpike.queue.defaults');

export interface RegisteredQueue {
  readonly queue: Queue<unknown>;
  readonly maxBatchAgeMs: number;
}

interface Entry extends RegisteredQueue {
  process: Process<unknown> | undefined;
}

/** The queues of one app: made as they are injected, started together, and closed together. */
@Injectable()
export class QueueRegistry implements OnModuleDestroy {
  private readonly logger = new Logger('TurnpikeQueue');
  private readonly entries = new Map<string, Entry>();

  constructor(
    @Inject(QUEUE_DEFAULTS) private readonly defaults: QueueDefaults,
    private readonly metrics: QueueMetrics,
  ) {}

  get queues(): readonly RegisteredQueue[] {
    return [...this.entries.values()];
  }

  /** Opens its store, so that what cannot be opened stops the start. Its workers wait for `start`. */
  async register(options: RegisterQueueOptions, dataSource: DataSource | undefined): Promise<Queue<unknown>> {
    const { name } = options;
    if (this.entries.has(name)) throw new DuplicateQueueError(name);
    if (options.dataSource && !dataSource) throw new QueueDataSourceError(name, options.dataSource);
    const { maxBatchAgeMs = 0, ...behaviour } = { ...this.defaults, ...options };
    checkHealthOptions({ maxBatchAgeMs });
    const queue = new Queue<unknown>(
      async (batch, context) => {
        if (!entry.process)
          throw new QueueProcessorError(`The queue "${name}" was started before its processor was found.`);
        await entry.process(batch, context);
      },
      {
        ...behaviour,
        dataSource,
        observer: this.metrics.observerOf(name),
        onProcessError: (error, failure) => {
          this.logger.warn(`Queue "${name}": attempt ${failure.attempt} failed: ${messageOf(error)}`);
          behaviour.onProcessError?.(error, failure);
        },
        onInternalError: (error) => {
          this.logger.error(error.message, error.stack);
          behaviour.onInternalError?.(error);
        },
      },
      { autoStart: false },
    );
    const entry: Entry = { queue, maxBatchAgeMs, process: undefined };
    this.entries.set(name, entry);
    await queue.open();
    this.metrics.observe(queue);
    return queue;
  }

  bind(name: string, host: string, process: Process<unknown>): void {
    const entry = this.entries.get(name);
    if (!entry) throw new QueueProcessorError(`${host} processes the queue "${name}", which no registerQueue() names.`);
    if (entry.process) throw new QueueProcessorError(`${host} is a second processor of the queue "${name}".`);
    entry.process = process;
  }

  /** Starts the workers of all queues, once each one has its processor. */
  start(): void {
    for (const [name, { process }] of this.entries) {
      if (process) continue;
      throw new QueueProcessorError(`The queue "${name}" has no processor: put @ProcessBatch('${name}') on a method.`);
    }
    for (const { queue } of this.entries.values()) queue.start();
  }

  /** Before onApplicationShutdown, in which TypeORM closes its DataSource. */
  async onModuleDestroy(): Promise<void> {
    this.metrics.stop();
    await Promise.all([...this.entries.values()].map(({ queue }) => queue[Symbol.asyncDispose]()));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
