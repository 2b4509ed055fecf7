import type { FactoryProvider, ModuleMetadata } from '@nestjs/common';
import { checkDuration } from 'nestjs-turnpike/timing';
import { type FileOptions, type QueueBehaviour } from './queue.options.js';

export interface QueueHealthOptions {
  /** Health is down while the oldest batch is older than this. 0 (default): the age is shown only. */
  readonly maxBatchAgeMs?: number;
}

/** What holds for each queue of the app that does not say otherwise. */
export type QueueDefaults = Partial<Omit<QueueBehaviour<unknown>, 'buffer' | 'observer'>> &
  QueueHealthOptions & {
    /** What the tables' names begin with on a DataSource: `turnpike_` by default. */
    readonly tablePrefix?: string;
  };

export interface MetricOptions {
  /** Without namespace and subsystem, which are put before it. */
  readonly name?: string;
  readonly help?: string;
}

/** The names, labels, helps and buckets of the metrics. Each has the label `queue`. */
export interface QueueMetricsOptions {
  /** `turnpike` by default; '' for none. */
  readonly namespace?: string;
  /** `queue` by default; '' for none. */
  readonly subsystem?: string;
  /** Further labels, with the values that each metric gets: `{ region: 'eu' }`. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly batches?: MetricOptions;
  readonly items?: MetricOptions;
  readonly itemsPushed?: MetricOptions;
  readonly itemsFlushed?: MetricOptions;
  readonly itemsProcessed?: MetricOptions;
  readonly processErrors?: MetricOptions;
  readonly processDuration?: MetricOptions & {
    /** In seconds. */
    readonly buckets?: number[];
  };
}

/** What must be known before the options are, also with `forRootAsync`. */
export interface QueueModuleExtras {
  /** False: none is registered, as in an app without PrometheusModule. */
  readonly metrics?: QueueMetricsOptions | false;
}

export type QueueModuleOptions = QueueDefaults & QueueModuleExtras;

/** Where the queue keeps its batches; in memory when it says neither. */
export interface RegisteredStorage {
  readonly file?: FileOptions | undefined;
  /** The app's DataSource, by its name in TypeOrmModule if it has one. `queueMigrations` makes its tables. */
  readonly dataSource?: boolean | string;
}

export type RegisterQueueOptions<Item = unknown> = { readonly name: string } & RegisteredStorage &
  Partial<Omit<QueueBehaviour<Item>, 'observer'>> &
  QueueHealthOptions & { readonly tablePrefix?: string };

/** The name and the DataSource must be known before the options are. */
export interface RegisterQueueAsyncOptions<Item = unknown>
  extends Pick<ModuleMetadata, 'imports'>, Pick<FactoryProvider, 'inject'> {
  readonly name: string;
  readonly dataSource?: boolean | string;
  readonly useFactory: (
    ...deps: never[]
  ) =>
    | Omit<RegisterQueueOptions<Item>, 'name' | 'dataSource'>
    | Promise<Omit<RegisterQueueOptions<Item>, 'name' | 'dataSource'>>;
}

export function checkHealthOptions({ maxBatchAgeMs }: QueueHealthOptions): void {
  if (maxBatchAgeMs !== undefined) checkDuration('maxBatchAgeMs', maxBatchAgeMs);
}
