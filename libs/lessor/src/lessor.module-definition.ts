import { ConfigurableModuleBuilder, Logger, type Provider } from '@nestjs/common';
import { healthProviders, HealthReporter, optionalDataSource } from '#nest';
import { checkServer } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import { LessorRegistry } from './core/lessor-registry.js';
import { StoreLessor, type Lessor } from './core/lessor.js';
import { MemoryLeaseStore } from './core/memory-lease-store.js';
import { LeaseBalancers } from './lease-balancers.js';
import { LESSOR } from './lessor.decorators.js';
import { LessorDataSourceError } from './lessor.errors.js';
import { LessorHealthIndicator } from './lessor.health.js';
import { LessorMetrics, lessorMetricProviders, lessorMetricTokens } from './lessor.metrics.js';
import { resolveLessorOptions, type LessorOptions, type ResolvedLessorOptions } from './lessor.options.js';
import { TypeOrmLeaseStore } from './typeorm/typeorm-lease-store.js';

export interface LessorExtras {
  /** The name of the TypeOrmModule connection. Default: the default one. */
  readonly dataSource?: string | undefined;
  /** Default: true. */
  readonly isGlobal?: boolean;
}

const RESOLVED_OPTIONS = Symbol('turnpike.lessor.options');

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<LessorOptions>()
    .setClassMethodName('forRoot')
    .setExtras<LessorExtras>({ isGlobal: true, dataSource: undefined }, (definition, { isGlobal, dataSource }) => ({
      ...definition,
      global: isGlobal ?? true,
      providers: [...(definition.providers ?? []), ...providers(dataSource)],
      exports: [LESSOR, LessorRegistry, LeaseBalancers, LessorHealthIndicator],
    }))
    .build();

function providers(dataSourceName: string | undefined): Provider[] {
  return [
    ...healthProviders,
    ...lessorMetricProviders,
    { provide: LessorMetrics, inject: lessorMetricTokens, useFactory: (...m: Metrics) => new LessorMetrics(...m) },
    { provide: RESOLVED_OPTIONS, inject: [MODULE_OPTIONS_TOKEN], useFactory: resolveLessorOptions },
    {
      provide: LessorRegistry,
      inject: [RESOLVED_OPTIONS, LessorMetrics, optionalDataSource(dataSourceName)],
      useFactory: (options: ResolvedLessorOptions, metrics: LessorMetrics, dataSource: DataSource | undefined) =>
        makeRegistry(options, metrics, () => dataSource ?? missing(dataSourceName)),
    },
    {
      provide: LESSOR,
      inject: [LessorRegistry, RESOLVED_OPTIONS],
      useFactory: (registry: LessorRegistry, { lessor }: ResolvedLessorOptions) => registry.get(lessor),
    },
    {
      provide: LeaseBalancers,
      inject: [LESSOR, RESOLVED_OPTIONS, LessorMetrics],
      useFactory: (lessor: Lessor, { lessor: id, clock }: ResolvedLessorOptions, observer: LessorMetrics) =>
        new LeaseBalancers({ id, lessor, clock, observer }),
    },
    {
      provide: LessorHealthIndicator,
      inject: [HealthReporter, LESSOR, LeaseBalancers, RESOLVED_OPTIONS],
      useFactory: (...dependencies: ConstructorParameters<typeof LessorHealthIndicator>) =>
        new LessorHealthIndicator(...dependencies),
    },
  ];
}

type Metrics = ConstructorParameters<typeof LessorMetrics>;

function makeRegistry(
  { lessors, tablePrefix, clock }: ResolvedLessorOptions,
  observer: LessorMetrics,
  dataSource: () => DataSource,
): LessorRegistry {
  const logger = new Logger('Lessor');
  const onError = (error: unknown): void => logger.warn(`A release failed; the lease will expire: ${String(error)}`);
  const registry = new LessorRegistry({ clock, observer, onError });
  registry.register('memory', (options) => new StoreLessor(new MemoryLeaseStore(clock), options));
  registry.register('typeorm', async (options) => {
    await checkServer(dataSource());
    return new StoreLessor(new TypeOrmLeaseStore(dataSource(), { tablePrefix }), options);
  });
  for (const [id, factory] of Object.entries(lessors)) registry.register(id, factory);
  return registry;
}

function missing(name: string | undefined): never {
  throw new LessorDataSourceError(name);
}
