import { Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import { barrierToken } from './barrier.decorators.js';
import { ConfigurableModuleClass, type OPTIONS_TYPE } from './barrier.module-definition.js';
import { BarrierModuleMissingError } from './barrier.module-errors.js';
import type { AsyncBarrierFeature, BarrierFeature } from './barrier.options.js';
import { BarrierRegistry } from './barrier.registry.js';

/**
 * `BarrierModule.forRoot()` alone works: it keeps held keys in the default DataSource, in the table that
 * `barrierMigrations` makes. Global unless `isGlobal: false`.
 */
@Module({})
export class BarrierModule extends ConfigurableModuleClass {
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }

  /**
   * Opens a barrier while the app starts, with what it held before, for `@InjectBarrier(name)`; its last holds are stored
   * when the app closes. At any time one process runs the barrier of a name: where several share the work, put into
   * the name whose share it is.
   */
  static forFeature<Key extends string | number | bigint = string, JobId extends number | bigint = number>(
    feature: BarrierFeature<Key, JobId>,
  ): DynamicModule {
    return BarrierModule.forFeatureAsync<Key, JobId>({ name: feature.name, useFactory: () => feature });
  }

  /** The same with options from a factory. */
  static forFeatureAsync<Key extends string | number | bigint = string, JobId extends number | bigint = number>(
    feature: AsyncBarrierFeature<Key, JobId>,
  ): DynamicModule {
    const { name, imports = [], inject = [], useFactory } = feature;
    const options = { provide: `${barrierToken(name)}_OPTIONS`, inject, useFactory };
    const barrier: FactoryProvider = {
      provide: barrierToken(name),
      inject: [options.provide, { token: BarrierRegistry, optional: true }],
      useFactory: (own: BarrierFeature<Key, JobId>, registry: BarrierRegistry | undefined) => {
        if (!registry) throw new BarrierModuleMissingError(name);
        return registry.open({ ...own, name });
      },
    };
    return { module: BarrierModule, imports, providers: [options, barrier], exports: [barrier] };
  }
}
