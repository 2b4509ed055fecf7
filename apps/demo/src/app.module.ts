import { type DynamicModule, Module, ValidationPipe } from '@nestjs/common';
import { APP_GUARD, APP_PIPE } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { ClsPluginTransactional } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { ClsModule } from 'nestjs-cls';
import { BarrierModule } from 'nestjs-turnpike/barrier';
import { CheckpointModule } from 'nestjs-turnpike/checkpoint';
import { DashboardModule } from 'nestjs-turnpike/dashboard';
import { LessorModule } from 'nestjs-turnpike/lessor';
import { OutboxModule, type RelayOptions } from 'nestjs-turnpike/outbox';
import { QueueModule } from 'nestjs-turnpike/queue';
import { exponential } from 'nestjs-turnpike/timing';
import type { DataSourceOptions } from 'typeorm';
import { brokerOf, type BrokerSettings } from './broker/broker.js';
import { BrokerModule } from './broker/broker.module.js';
import { databaseOptions } from './database/database.js';
import { openMigrated } from './database/migrate.js';
import { DeliveriesModule } from './deliveries/deliveries.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { SameSiteGuard } from './operations/same-site.guard.js';
import { OrdersModule } from './orders/orders.module.js';
import { RevenueModule } from './revenue/revenue.module.js';
import { StoryModule } from './story/story.module.js';

// Short, so that a demo shows it.
/** How long what a process has leased or claimed lies idle after it died. */
const TAKEOVER_MS = 3000;
/** When what failed is tried again; without end. */
const RETRY = exponential(0, 250, 1000);
/** How soon a process sees what another one has published: SQLite cannot tell. */
const SQLITE_POLL_MS = 100;

export interface DemoOptions {
  readonly databaseUrl: string;
  /** Where orders go on their way to being delivered. Default: they stay in the process. */
  readonly broker?: BrokerSettings | undefined;
  /**
   * How many processes it starts to relay for it; with 0 it relays by itself. Default: it does, and neither starts nor kills
   * processes.
   */
  readonly workers?: number | undefined;
}

/**
 * An order service in three steps: OrdersModule places orders, DeliveriesModule delivers what was placed, RevenueModule
 * adds up what was delivered.
 */
@Module({})
export class AppModule {
  static forRoot({ databaseUrl, broker: settings, workers }: DemoOptions): DynamicModule {
    const chosen = settings && { settings, broker: brokerOf(settings) };
    return {
      module: AppModule,
      imports: [
        TypeOrmModule.forRootAsync({
          useFactory: () => databaseOptions(databaseUrl),
          dataSourceFactory: (options) => openMigrated(options as DataSourceOptions),
        }),
        ClsModule.forRoot({
          plugins: [
            new ClsPluginTransactional({
              imports: [TypeOrmModule],
              adapter: new TransactionalAdapterTypeOrm({ dataSourceToken: getDataSourceToken() }),
            }),
          ],
        }),
        PrometheusModule.register({ defaultMetrics: { enabled: false } }),

        OutboxModule.forRoot({
          relay: workers ? false : relayOptions(databaseUrl),
          retry: RETRY,
          ...(chosen ? { publisher: chosen.broker.publisher } : {}),
        }),
        QueueModule.forRoot({ claimMs: TAKEOVER_MS }),
        BarrierModule.forRoot(), // shows which customers' orders the outbox holds
        CheckpointModule.forRoot(),
        LessorModule.forRoot(),
        DashboardModule.forRoot({ path: '/turnpike' }), // answers only who is on this machine

        OrdersModule,
        DeliveriesModule,
        BrokerModule.register(chosen),
        RevenueModule,
        StoryModule.register({ workers, broker: chosen?.broker.name }),
        OperationsModule,
      ],
      providers: [
        { provide: APP_GUARD, useClass: SameSiteGuard },
        {
          provide: APP_PIPE,
          useValue: new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }),
        },
      ],
    };
  }
}

function relayOptions(databaseUrl: string): RelayOptions {
  return {
    processorId: `process ${process.pid}`,
    claimDurationMs: TAKEOVER_MS,
    ...(databaseUrl.startsWith('sqlite:') ? { processIntervalMs: SQLITE_POLL_MS } : {}),
  };
}
