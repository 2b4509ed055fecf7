import { ConfigurableModuleBuilder, type Provider } from '@nestjs/common';
import { healthProviders, HealthReporter, optionalDataSource } from '#nest';
import { checkServer, serializeSqlite } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import { CheckpointDataSourceError } from './checkpoint.errors.js';
import { CheckpointHealthIndicator } from './checkpoint.health.js';
import { checkpointMetricProviders, CheckpointMetrics, checkpointMetricTokens } from './checkpoint.metrics.js';
import {
  type CheckpointOptions,
  resolveCheckpointOptions,
  type ResolvedCheckpointOptions,
} from './checkpoint.options.js';
import { Checkpoints } from './checkpoints.js';
import { type CheckpointStore } from './core/checkpoint-store.js';
import { TypeOrmCheckpointStore } from './typeorm/typeorm-checkpoint-store.js';

export interface CheckpointExtras {
  /** The name of the TypeOrmModule connection. Default: the default one. */
  readonly dataSource?: string | undefined;
  /** Default: true. */
  readonly isGlobal?: boolean;
}

/** Injects the `CheckpointStore` of the app. */
export const CHECKPOINT_STORE = Symbol('turnpike.checkpoint.store');

const RESOLVED_OPTIONS = Symbol('turnpike.checkpoint.options');

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<CheckpointOptions>()
    .setClassMethodName('forRoot')
    .setExtras<CheckpointExtras>({ isGlobal: true, dataSource: undefined }, (definition, { isGlobal, dataSource }) => ({
      ...definition,
      global: isGlobal ?? true,
      providers: [...(definition.providers ?? []), ...providers(dataSource)],
      exports: [Checkpoints, CHECKPOINT_STORE, CheckpointHealthIndicator],
    }))
    .build();

function providers(dataSourceName: string | undefined): Provider[] {
  return [
    ...healthProviders,
    ...checkpointMetricProviders,
    {
      provide: CheckpointMetrics,
      inject: checkpointMetricTokens,
      useFactory: (...metrics: ConstructorParameters<typeof CheckpointMetrics>) => new CheckpointMetrics(...metrics),
    },
    { provide: RESOLVED_OPTIONS, inject: [MODULE_OPTIONS_TOKEN], useFactory: resolveCheckpointOptions },
    {
      provide: CHECKPOINT_STORE,
      inject: [RESOLVED_OPTIONS, optionalDataSource(dataSourceName)],
      useFactory: async ({ store, tablePrefix }: ResolvedCheckpointOptions, dataSource: DataSource | undefined) =>
        store ?? (await storeIn(dataSource ?? missing(dataSourceName), tablePrefix)),
    },
    {
      provide: Checkpoints,
      inject: [CHECKPOINT_STORE, RESOLVED_OPTIONS, CheckpointMetrics],
      useFactory: (...dependencies: ConstructorParameters<typeof Checkpoints>) => new Checkpoints(...dependencies),
    },
    {
      provide: CheckpointHealthIndicator,
      inject: [HealthReporter, Checkpoints, RESOLVED_OPTIONS],
      useFactory: (health: HealthReporter, checkpoints: Checkpoints, options: ResolvedCheckpointOptions) =>
        new CheckpointHealthIndicator(health, checkpoints, options.maxUnresolvedAgeMs),
    },
  ];
}

async function storeIn(dataSource: DataSource, tablePrefix: string): Promise<CheckpointStore> {
  await checkServer(dataSource);
  return new TypeOrmCheckpointStore(serializeSqlite(dataSource), { tablePrefix });
}

function missing(name: string | undefined): never {
  throw new CheckpointDataSourceError(name);
}
