import { type DynamicModule, Module, ValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { ClsPluginTransactional } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { ClsModule } from 'nestjs-cls';
import { BarrierModule } from 'nestjs-turnpike/barrier';
import { CheckpointModule } from 'nestjs-turnpike/checkpoint';
import { LessorModule } from 'nestjs-turnpike/lessor';
import { OutboxModule } from 'nestjs-turnpike/outbox';
import { QueueModule } from 'nestjs-turnpike/queue';
import type { DataSourceOptions } from 'typeorm';
import { brokerOf, type BrokerSettings } from './broker/broker.js';
import { BrokerModule } from './broker/broker.module.js';
import { databaseOptions } from './database/database.js';
import { openMigrated } from './database/migrate.js';
import { DeliveriesModule } from './deliveries/deliveries.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { OrdersModule } from './orders/orders.module.js';
import { RevenueModule } from './revenue/revenue.module.js';

/** How long what a process has leased or claimed lies idle after it died. Short, so that a demo shows it. */
const TAKEOVER_MS = 3000;

export interface DemoOptions {
  readonly databaseUrl: string;
  /** Where orders go on their way to being delivered. Default: they stay in the process. */
  readonly broker?: BrokerSettings | undefined;
}

/**
 * An order service in three steps: OrdersModule places orders, DeliveriesModule delivers what was placed, RevenueModule
 * adds up what was delivered.
 */
@Module({})
export class AppModule {
  static forRoot({ databaseUrl, broker: settings }: DemoOptions): DynamicModule {
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
          relay: { claimDurationMs: TAKEOVER_MS },
          ...(chosen ? { publisher: chosen.broker.publisher } : {}),
        }),
        QueueModule.forRoot({ claimMs: TAKEOVER_MS }),
        BarrierModule.forRoot(), // shows which customers' orders the outbox holds
        CheckpointModule.forRoot(),
        LessorModule.forRoot(),

        OrdersModule,
        DeliveriesModule,
        BrokerModule.register(chosen),
        RevenueModule,
        OperationsModule,
      ],
      providers: [
        {
          provide: APP_PIPE,
          useValue: new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }),
        },
      ],
    };
  }
}
