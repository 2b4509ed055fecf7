import { ConfigurableModuleBuilder, Logger, type Provider } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, MetadataScanner, ModuleRef } from '@nestjs/core';
import { healthProviders, HealthReporter, optionalDataSource } from '#nest';
import { BarrierRegistry } from 'nestjs-turnpike/barrier';
import { AmbientTransaction } from './ambient-transaction.js';
import type { Publisher } from './core/publisher.js';
import { OutboxRelay } from './core/relay.js';
import { ShardMap } from './core/shard-map.js';
import { DeadLetters, HeldKeyList } from './dead-letters.js';
import { Inbox } from './inbox.js';
import { LocalHandlers } from './local/local-handlers.js';
import { LocalPublisher } from './local/local-publisher.js';
import { messageIds } from './message-ids.js';
import { OutboxDatabase } from './outbox-database.js';
import { OutboxHealthIndicator } from './outbox.health.js';
import { OutboxPauses } from './outbox-pauses.js';
import { OutboxMetrics, outboxMetricProviders, outboxMetricTokens } from './outbox.metrics.js';
import { LOCAL, resolveOutboxOptions, type OutboxOptions, type ResolvedOutboxOptions } from './outbox.options.js';
import { OutboxRuntime } from './outbox-runtime.js';
import { OutboxStatus } from './outbox-status.js';
import { outboxToken } from './outbox.tokens.js';
import { Outbox } from './outbox.js';
import { Tracing } from './tracing.js';
import { TransactionHook } from './typeorm/transaction-hook.js';

export interface OutboxExtras {
  /** Tells several outboxes of an app apart: lower-case letters, digits and underscores. Default: none, for the only one. */
  readonly name?: string | undefined;
  /** The name of the TypeOrmModule connection. Default: the default one. */
  readonly dataSource?: string | undefined;
  /** Default: true. */
  readonly isGlobal?: boolean;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<OutboxOptions>()
    .setClassMethodName('forRoot')
    .setExtras<OutboxExtras>({ isGlobal: true, dataSource: undefined, name: undefined }, (definition, extras) => ({
      ...definition,
      global: extras.isGlobal ?? true,
      imports: [...(definition.imports ?? []), DiscoveryModule],
      providers: [...(definition.providers ?? []), ...providers(extras)],
      exports: [
        Outbox,
        OutboxRelay,
        OutboxPauses,
        Inbox,
        DeadLetters,
        HeldKeyList,
        OutboxStatus,
        OutboxHealthIndicator,
      ].map((type) => outboxToken<unknown>(type, extras.name)),
    }))
    .build();

const RESOLVED_OPTIONS = Symbol('turnpike.outbox.options');

function providers({ name, dataSource }: OutboxExtras): Provider[] {
  const token = <T>(type: abstract new (...args: never[]) => T) => outboxToken(type, name);
  return [
    ...healthProviders,
    ...outboxMetricProviders,
    {
      provide: OutboxMetrics,
      inject: outboxMetricTokens,
      useFactory: (...m) => new OutboxMetrics(name ?? 'default', m),
    },
    {
      provide: RESOLVED_OPTIONS,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (options: OutboxOptions) => resolveOutboxOptions(options, name),
    },
    {
      provide: OutboxDatabase,
      inject: [optionalDataSource(dataSource), RESOLVED_OPTIONS],
      useFactory: OutboxDatabase.open,
    },
    { provide: Tracing, useFactory: () => Tracing.load() },
    {
      provide: AmbientTransaction,
      inject: [OutboxDatabase, ModuleRef],
      useFactory: (database: OutboxDatabase, moduleRef: ModuleRef) =>
        AmbientTransaction.of(database.dataSource, moduleRef),
    },
    {
      provide: token(Inbox),
      inject: [AmbientTransaction, OutboxDatabase],
      useFactory: (ambient: AmbientTransaction, { db }: OutboxDatabase) => new Inbox(ambient, db.tables.inbox),
    },
    {
      provide: LocalHandlers,
      inject: [DiscoveryService, MetadataScanner],
      useFactory: (discovery: DiscoveryService, scanner: MetadataScanner) =>
        new LocalHandlers(discovery, scanner, name),
    },
    {
      provide: OutboxRuntime,
      inject: [
        OutboxDatabase,
        RESOLVED_OPTIONS,
        OutboxMetrics,
        Tracing,
        LocalHandlers,
        token(Inbox),
        { token: BarrierRegistry, optional: true },
      ],
      useFactory: (
        database: OutboxDatabase,
        options: ResolvedOutboxOptions,
        metrics: OutboxMetrics,
        tracing: Tracing,
        handlers: LocalHandlers,
        inbox: Inbox,
        barriers: BarrierRegistry | undefined,
      ) => {
        const local = new LocalPublisher(handlers, inbox, tracing);
        const publishers = new Map<string, Publisher>();
        for (const [destination, publisher] of options.publishers) {
          publishers.set(destination, publisher === LOCAL ? local : tracing.around(destination, publisher));
        }
        return new OutboxRuntime({ database, publishers, options, metrics, barriers, name });
      },
    },
    { provide: token(OutboxRelay), inject: [OutboxRuntime], useFactory: ({ relay }: OutboxRuntime) => relay },
    {
      provide: token(Outbox),
      inject: [OutboxDatabase, AmbientTransaction, OutboxRuntime, Tracing, RESOLVED_OPTIONS],
      useFactory: makeOutbox,
    },
    {
      provide: token(DeadLetters),
      inject: [OutboxDatabase, OutboxRuntime, RESOLVED_OPTIONS],
      useFactory: ({ operations }: OutboxDatabase, { wakeUps }: OutboxRuntime, { codec }: ResolvedOutboxOptions) =>
        new DeadLetters(operations, codec, (shards) => wakeUps.requested(shards)),
    },
    {
      provide: token(HeldKeyList),
      inject: [OutboxDatabase, OutboxRuntime],
      useFactory: ({ operations }: OutboxDatabase, { wakeUps }: OutboxRuntime) =>
        new HeldKeyList(operations, (shards) => wakeUps.requested(shards)),
    },
    {
      provide: token(OutboxStatus),
      inject: [OutboxDatabase, OutboxRuntime],
      useFactory: (database: OutboxDatabase, runtime: OutboxRuntime) => new OutboxStatus(name, database, runtime),
    },
    {
      provide: token(OutboxPauses),
      inject: [OutboxDatabase, OutboxRuntime],
      useFactory: ({ operations }: OutboxDatabase, { wakeUps }: OutboxRuntime) =>
        new OutboxPauses(operations, () => wakeUps.requested([])),
    },
    {
      provide: token(OutboxHealthIndicator),
      inject: [HealthReporter, OutboxRuntime],
      useFactory: (health: HealthReporter, runtime: OutboxRuntime) => new OutboxHealthIndicator(health, runtime),
    },
  ];
}

function makeOutbox(
  { dataSource, shards, storage }: OutboxDatabase,
  ambient: AmbientTransaction,
  runtime: OutboxRuntime,
  tracing: Tracing,
  { namespace, maxPayloadBytes, codec, route }: ResolvedOutboxOptions,
): Outbox {
  const logger = new Logger('Outbox');
  const hook = new TransactionHook({
    dataSource,
    write: (runner, entries) => storage.publish(runner, entries),
    onCommitted: (committed) => runtime.committed(committed),
    onLost: (count) =>
      logger.error(
        `${count} messages were lost: their connection was given back, or a raw COMMIT was sent, before TypeORM committed ` +
          `or rolled back. End the transaction with commitTransaction(), not with a raw COMMIT.`,
      ),
  });
  const encoding = {
    maxPayloadBytes,
    codec,
    route,
    shards: new ShardMap(shards),
    newId: messageIds(),
    addHeaders: tracing.headers,
  };
  return new Outbox({ hook, ambient, namespace, encoding, wake: () => runtime.relay.wake() });
}
