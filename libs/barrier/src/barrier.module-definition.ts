import { ConfigurableModuleBuilder, type Provider } from '@nestjs/common';
import { healthProviders, HealthReporter, optionalDataSource } from '#nest';
import { checkServer, serializeSqlite } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import { BarrierHealthIndicator } from './barrier.health.js';
import { barrierMetricProviders, BarrierMetrics, barrierMetricTokens } from './barrier.metrics.js';
import { BarrierDataSourceError } from './barrier.module-errors.js';
import {
  resolveBarrierModuleOptions,
  type BarrierModuleOptions,
  type ResolvedBarrierModuleOptions,
} from './barrier.options.js';
import { BarrierRegistry } from './barrier.registry.js';
import type { HeldKeyStore } from './core/held-key-store.js';
import { TypeOrmHeldKeyStore } from './typeorm/typeorm-held-key-store.js';

export interface BarrierExtras {
  /** The name of the TypeOrmModule connection. Default: the default one. */
  readonly dataSource?: string | undefined;
  /** Default: true. */
  readonly isGlobal?: boolean;
}

/** Injects the `HeldKeyStore` of the app. */
export const HELD_KEY_STORE = Symbol('turnpike.barrier.store');

const RESOLVED_OPTIONS = Symbol('turnpike.barrier.options');

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<BarrierModuleOptions>()
    .setClassMethodName('forRoot')
    .setExtras<BarrierExtras>({ isGlobal: true, dataSource: undefined }, (definition, { isGlobal, dataSource }) => ({
      ...definition,
      global: isGlobal ?? true,
      providers: [...(definition.providers ?? []), ...providers(dataSource)],
      exports: [BarrierRegistry, HELD_KEY_STORE, BarrierHealthIndicator],
    }))
    .build();

function providers(dataSourceName: string | undefined): Provider[] {
  return [
    ...healthProviders,
    ...barrierMetricProviders,
    {
      provide: BarrierMetrics,
      inject: barrierMetricTokens,
      useFactory: (...metrics: ConstructorParameters<typeof BarrierMetrics>) => new BarrierMetrics(...metrics),
    },
    { provide: RESOLVED_OPTIONS, inject: [MODULE_OPTIONS_TOKEN], useFactory: resolveBarrierModuleOptions },
    {
      provide: HELD_KEY_STORE,
      inject: [RESOLVED_OPTIONS, optionalDataSource(dataSourceName)],
      useFactory: async ({ store, tablePrefix }: ResolvedBarrierModuleOptions, dataSource: DataSource | undefined) =>
        store ?? (await storeIn(dataSource ?? missing(dataSourceName), tablePrefix)),
    },
    {
      provide: BarrierRegistry,
      inject: [RESOLVED_OPTIONS, HELD_KEY_STORE, BarrierMetrics],
      useFactory: (...dependencies: ConstructorParameters<typeof BarrierRegistry>) =>
        new BarrierRegistry(...dependencies),
    },
    {
      provide: BarrierHealthIndicator,
      inject: [HealthReporter, BarrierRegistry],
      useFactory: (health: HealthReporter, registry: BarrierRegistry) => new BarrierHealthIndicator(health, registry),
    },
  ];
}

async function storeIn(dataSource: DataSource, tablePrefix: string): Promise<HeldKeyStore> {
  await checkServer(dataSource);
  return new TypeOrmHeldKeyStore(serializeSqlite(dataSource), { tablePrefix });
}

function missing(name: string | undefined): never {
  throw new BarrierDataSourceError(name);
}
