import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { BarrierRegistry, WatchedHolds } from 'nestjs-turnpike/barrier';
import { LeaseBalancer, Partition, TypeOrmLeaseStore } from 'nestjs-turnpike/lessor';
import type { StoredEntry } from './core/message.js';
import type { Publisher } from './core/publisher.js';
import { OutboxRelay, type PumpResult } from './core/relay.js';
import type { OutboxDatabase } from './outbox-database.js';
import type { OutboxMetrics } from './outbox.metrics.js';
import type { ResolvedOutboxOptions } from './outbox.options.js';

/** The section of the lessor in which the relays of one database share out the shards. */
const SECTION = 'outbox';

/**
 * The relay of one app and the balancer that gives it its share of the shards. It starts when the app has booted, and
 * drains in `onModuleDestroy`, while the DataSource is still open.
 */
export class OutboxRuntime implements OnApplicationBootstrap, OnModuleDestroy {
  readonly relay: OutboxRelay;
  private readonly balancer: LeaseBalancer;
  private readonly logger = new Logger('Outbox');

  constructor(
    { dataSource, storage, shards }: OutboxDatabase,
    publisher: Publisher,
    private readonly options: ResolvedOutboxOptions,
    private readonly metrics: OutboxMetrics,
    barriers: BarrierRegistry | undefined,
  ) {
    const { relay, retry } = options;
    const parts = Partition.fromInts(0n, BigInt(shards)).split(shards);
    this.balancer = new LeaseBalancer({
      store: new TypeOrmLeaseStore(dataSource),
      section: SECTION,
      universe: Partition.fromInts(0n, BigInt(shards)),
      termMs: relay.claimDurationMs,
      clock: relay.clock,
      ...(relay.processorId === undefined ? {} : { memberId: relay.processorId }),
      onAssigned: (assigned) => this.relay.assign(assigned.map(shardOf)),
      onRevoked: (revoked) => this.relay.revoke(revoked.map(shardOf)),
      onError: (error) => this.logger.warn(`Sharing out the shards failed, and is tried again: ${String(error)}`),
    });
    this.relay = new OutboxRelay({
      ...relay,
      storage,
      publisher,
      retry,
      holds: (shard) => parts[shard] !== undefined && this.balancer.holds(parts[shard]),
      observer: {
        round: (result) => this.roundEnded(result),
        failed: (entry, attempt, error) => this.deliveryFailed(entry, attempt, error),
        roundFailed: (error) => this.logger.error(`A round failed, and is tried again: ${error.message}`),
      },
    });
    barriers?.watch(holdsOf(this.relay));
  }

  onApplicationBootstrap(): void {
    this.metrics.observe(() => this.relay.stats());
    if (!this.options.relays) return;
    this.balancer.start();
    this.relay.start();
  }

  /** The relay first: the balancer keeps its shards leased until nothing is under way. */
  async onModuleDestroy(): Promise<void> {
    await this.relay.stop();
    await this.balancer.stop();
  }

  private roundEnded(result: PumpResult): void {
    this.metrics.count(result);
  }

  private deliveryFailed({ messageId, topic }: StoredEntry, attempt: number, error: Error): void {
    this.logger.warn(
      `Attempt ${attempt} to deliver ${topic} ${messageId} failed, and is tried again: ${error.message}`,
    );
  }
}

function shardOf(part: Partition): number {
  return Number(part.low);
}

/** The relay's held keys, for an app whose BarrierModule shows all holds in one place. */
function holdsOf(relay: OutboxRelay): WatchedHolds {
  return {
    name: 'outbox',
    get held() {
      return relay.stats().heldKeys;
    },
    get oldestHoldAgeMs() {
      return relay.stats().oldestHoldAgeMs;
    },
  };
}
