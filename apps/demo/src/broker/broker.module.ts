import { type DynamicModule, Module } from '@nestjs/common';
import { HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { Checkpoints } from 'nestjs-turnpike/checkpoint';
import { LeaseBalancers } from 'nestjs-turnpike/lessor';
import { DeliveriesModule } from '../deliveries/deliveries.module.js';
import { BrokerConsumer } from './broker.consumer.js';
import { BrokerHealthIndicator } from './broker.health.js';
import type { Broker, BrokerSettings } from './broker.js';
import { ReceivedOrders } from './received-orders.js';

/** With a broker, step 2 takes a detour: the relay sends orders there, and the demo consumes them from there. */
@Module({})
export class BrokerModule {
  static register(chosen?: { readonly broker: Broker; readonly settings: BrokerSettings }): DynamicModule {
    const consumed = chosen?.broker.consumed;
    return {
      module: BrokerModule,
      global: true, // for /health
      imports: [TerminusModule, DeliveriesModule],
      providers: [
        ReceivedOrders,
        {
          provide: BrokerConsumer,
          inject: [ReceivedOrders, Checkpoints, LeaseBalancers],
          useFactory: (orders: ReceivedOrders, checkpoints: Checkpoints, balancers: LeaseBalancers) =>
            consumed &&
            new BrokerConsumer({ ...chosen.broker, consumed }, chosen.settings, orders, checkpoints, balancers),
        },
        {
          provide: BrokerHealthIndicator,
          inject: [HealthIndicatorService, { token: BrokerConsumer, optional: true }],
          useFactory: (health: HealthIndicatorService, consumer: BrokerConsumer | undefined) =>
            new BrokerHealthIndicator(health, chosen?.broker, consumer),
        },
      ],
      exports: [BrokerHealthIndicator],
    };
  }
}
