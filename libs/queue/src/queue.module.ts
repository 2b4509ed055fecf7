import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { optionalDataSource } from '#nest';
import { queueToken } from './queue.decorators.js';
import { QueueModuleMissingError } from './queue.module-errors.js';
import { ConfigurableModuleClass } from './queue.module-definition.js';
import {
  type QueueModuleOptions,
  type RegisterQueueAsyncOptions,
  type RegisterQueueOptions,
} from './queue.module-options.js';
import { QueueRegistry } from './queue.registry.js';

/**
 * `forRoot(defaults?)` or `forRootAsync`, once, in the root module; `registerQueue` where a queue is used. Stores are
 * opened while the app starts, the workers start in `onApplicationBootstrap`, and the queues close in `onModuleDestroy`.
 */
@Module({})
export class QueueModule extends ConfigurableModuleClass {
  static override forRoot(options: QueueModuleOptions = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** Provides the queue to this module, and to those that import it: `@InjectQueue(name)`. */
  static registerQueue<Item>(options: RegisterQueueOptions<Item>): DynamicModule {
    return QueueModule.registerQueueAsync<Item>({ ...options, useFactory: () => options });
  }

  /** The same with options from a factory. */
  static registerQueueAsync<Item>(options: RegisterQueueAsyncOptions<Item>): DynamicModule {
    const { name, dataSource = false, imports = [], inject = [], useFactory } = options;
    const optionsToken = `${queueToken(name)}_OPTIONS`;
    const queue: Provider = {
      provide: queueToken(name),
      inject: [
        optionsToken,
        { token: QueueRegistry, optional: true },
        optionalDataSource(typeof dataSource === 'string' ? dataSource : undefined),
      ],
      useFactory: (given: RegisterQueueOptions, registry?: QueueRegistry, found?: DataSource) => {
        if (!registry) throw new QueueModuleMissingError(name);
        return registry.register({ ...given, name, dataSource }, dataSource === false ? undefined : found);
      },
    };
    return {
      module: QueueModule,
      imports,
      providers: [{ provide: optionsToken, inject, useFactory }, queue],
      exports: [queue.provide],
    };
  }
}
