import { type DynamicModule, Module } from '@nestjs/common';
import { HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { getDataSourceToken } from '@nestjs/typeorm';
import { HeldKeyList, OutboxStatus } from 'nestjs-turnpike/outbox';
import { DeliveriesModule } from '../deliveries/deliveries.module.js';
import { DeliveriesService } from '../deliveries/deliveries.service.js';
import { OrdersModule } from '../orders/orders.module.js';
import { RevenueModule } from '../revenue/revenue.module.js';
import { RevenueService } from '../revenue/revenue.service.js';
import { Load } from './load.js';
import { StoryController } from './story.controller.js';
import { StoryFeed } from './story.feed.js';
import { StoryReader } from './story.reader.js';
import { WorkersController } from './workers.controller.js';
import { WorkersHealthIndicator } from './workers.health.js';
import { Workers } from './workers.js';

export interface StoryOptions {
  /** How many processes to start; undefined: none can be started. */
  readonly workers: number | undefined;
  /** Through which broker orders go. */
  readonly broker: string | undefined;
}

/** The page at `/`, where a visitor tries to get orders lost or mixed up. */
@Module({})
export class StoryModule {
  static register({ workers, broker }: StoryOptions): DynamicModule {
    const hasWorkers = workers !== undefined;
    return {
      module: StoryModule,
      global: true, // for /health
      imports: [TerminusModule, OrdersModule, DeliveriesModule, RevenueModule],
      controllers: hasWorkers ? [StoryController, WorkersController] : [StoryController],
      providers: [
        Load,
        StoryFeed,
        { provide: Workers, useFactory: () => new Workers(workers ?? 0) },
        {
          provide: WorkersHealthIndicator,
          inject: [HealthIndicatorService, Workers],
          useFactory: (health: HealthIndicatorService, of: Workers) =>
            new WorkersHealthIndicator(health, of, Boolean(workers)),
        },
        {
          provide: StoryReader,
          inject: [getDataSourceToken(), DeliveriesService, RevenueService, HeldKeyList, OutboxStatus, Load, Workers],
          useFactory: (...of: Dependencies) => new StoryReader(...of, { broker, hasWorkers }),
        },
      ],
      exports: [WorkersHealthIndicator],
    };
  }
}

type Dependencies = ConstructorParameters<typeof StoryReader> extends [...infer Injected, unknown] ? Injected : never;
