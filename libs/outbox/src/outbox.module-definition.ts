import { ConfigurableModuleBuilder, Logger, type Provider } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, MetadataScanner, ModuleRef } from '@nestjs/core';
import { healthProviders, HealthReporter, optionalDataSource } from '#nest';
import { BarrierRegistry } from 'nestjs-turnpike/barrier';
import { v7 as uuidv7 } from 'uuid';
import { AmbientTransaction } from './ambient-transaction.js';
import { OutboxRelay } from './core/relay.js';
import { ShardMap } from './core/shard-map.js';
import { Inbox } from './inbox.js';
import { LocalHandlers } from './local/local-handlers.js';
import { LocalPublisher } from './local/local-publisher.js';
import { OutboxDatabase } from './outbox-database.js';
import { OutboxHealthIndicator } from './outbox.health.js';
import { OutboxMetrics, outboxMetricProviders, outboxMetricTokens } from './outbox.metrics.js';
import { resolveOutboxOptions, type OutboxOptions, type ResolvedOutboxOptions } from './outbox.options.js';
import { OutboxRuntime } from './outbox-runtime.js';
import { Outbox } from './outbox.js';
import { TransactionHook } from './typeorm/transaction-hook.js';
import { writeEntries } from './typeorm/write-entries.js';

export interface OutboxExtras {
  /** The name of the TypeOrmModule connection. Default: the default one. */
  readonly dataSource?: string | undefined;
  /** Default: true. */
  readonly isGlobal?: boolean;
}

const RESOLVED_OPTIONS = Symbol('turnpike.outbox.options');

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<OutboxOptions>()
    .setClassMethodName('forRoot')
    .setExtras<OutboxExtras>({ isGlobal: true, dataSource: undefined }, (definition, { isGlobal, dataSource }) => ({
      ...definition,
      global: isGlobal ?? true,
      imports: [...(definition.imports ?? []), DiscoveryModule],
      providers: [...(definition.providers ?? []), ...providers(dataSource)],
      exports: [Outbox, OutboxRelay, Inbox, OutboxHealthIndicator],
    }))
    .build();

function providers(dataSource: string | undefined): Provider[] {
  return [
    ...healthProviders,
    ...outboxMetricProviders,
    { provide: OutboxMetrics, inject: outboxMetricTokens, useFactory: (...m: Metrics) => new OutboxMetrics(...m) },
    { provide: RESOLVED_OPTIONS, inject: [MODULE_OPTIONS_TOKEN], useFactory: resolveOutboxOptions },
    { provide: OutboxDatabase, inject: [optionalDataSource(dataSource)], useFactory: OutboxDatabase.open },
    {
      provide: AmbientTransaction,
      inject: [OutboxDatabase, ModuleRef],
      useFactory: (database: OutboxDatabase, moduleRef: ModuleRef) =>
        AmbientTransaction.of(database.dataSource, moduleRef),
    },
    { provide: Inbox, inject: [AmbientTransaction], useFactory: (ambient: AmbientTransaction) => new Inbox(ambient) },
    {
      provide: LocalHandlers,
      inject: [DiscoveryService, MetadataScanner],
      useFactory: (discovery: DiscoveryService, scanner: MetadataScanner) => new LocalHandlers(discovery, scanner),
    },
    {
      provide: OutboxRuntime,
      inject: [
        OutboxDatabase,
        LocalHandlers,
        Inbox,
        RESOLVED_OPTIONS,
        OutboxMetrics,
        { token: BarrierRegistry, optional: true },
      ],
      useFactory: (
        database: OutboxDatabase,
        handlers: LocalHandlers,
        inbox: Inbox,
        options: ResolvedOutboxOptions,
        metrics: OutboxMetrics,
        barriers: BarrierRegistry | undefined,
      ) => {
        const publisher = options.publisher ?? new LocalPublisher(handlers, inbox);
        return new OutboxRuntime(database, publisher, options, metrics, barriers);
      },
    },
    { provide: OutboxRelay, inject: [OutboxRuntime], useFactory: (runtime: OutboxRuntime) => runtime.relay },
    {
      provide: Outbox,
      inject: [OutboxDatabase, AmbientTransaction, OutboxRelay, RESOLVED_OPTIONS],
      useFactory: makeOutbox,
    },
    {
      provide: OutboxHealthIndicator,
      inject: [HealthReporter, OutboxRelay],
      useFactory: (health: HealthReporter, relay: OutboxRelay) => new OutboxHealthIndicator(health, relay),
    },
  ];
}

type Metrics = ConstructorParameters<typeof OutboxMetrics>;

function makeOutbox(
  { dataSource, shards }: OutboxDatabase,
  ambient: AmbientTransaction,
  relay: OutboxRelay,
  { namespace, maxPayloadBytes }: ResolvedOutboxOptions,
): Outbox {
  const logger = new Logger('Outbox');
  const wake = (): void => relay.wake();
  const hook = new TransactionHook({
    dataSource,
    write: writeEntries,
    onCommitted: wake,
    onLost: (count) =>
      logger.error(
        `${count} messages were lost: their connection was given back before TypeORM committed or rolled back. End the ` +
          `transaction with commitTransaction(), not with a raw COMMIT.`,
      ),
  });
  const encoding = { namespace, maxPayloadBytes, shards: new ShardMap(shards), newId: uuidv7 };
  return new Outbox({ hook, ambient, encoding, wake });
}
