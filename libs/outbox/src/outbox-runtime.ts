import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { BarrierRegistry, WatchedHolds } from 'nestjs-turnpike/barrier';
import { LeaseBalancer, Partition, TypeOrmLeaseStore } from 'nestjs-turnpike/lessor';
import type { OutageState } from './core/outage.js';
import type { Backlog } from './core/outbox-storage.js';
import type { Publisher } from './core/publisher.js';
import { OutboxRelay } from './core/relay.js';
import type { RelayObserver } from './core/relay-types.js';
import type { Committed } from './core/transaction-entries.js';
import { StoredMessage } from './core/stored-message.js';
import { InboxPruner } from './inbox-pruner.js';
import type { OutboxDatabase } from './outbox-database.js';
import type { OutboxMetrics } from './outbox.metrics.js';
import type { ResolvedOutboxOptions } from './outbox.options.js';
import { WakeUps } from './wake-ups.js';

/** The section of the lessor in which the relays of one outbox share out the shards. */
export const SECTION = 'outbox';
/** How old a backlog may be that health and metrics show: counting it is not free. */
const BACKLOG_AGE_MS = 2000;

export interface OutboxRuntimeDependencies {
  readonly database: OutboxDatabase;
  readonly publishers: ReadonlyMap<string, Publisher>;
  readonly options: ResolvedOutboxOptions;
  readonly metrics: OutboxMetrics;
  readonly barriers: BarrierRegistry | undefined;
  readonly name: string | undefined;
}

/**
 * The relay of one outbox in one app, the balancer that gives it its share of the shards, and what wakes it. It starts when
 * the app has booted, and drains in `onModuleDestroy`, while the DataSource is still open.
 */
export class OutboxRuntime implements OnApplicationBootstrap, OnModuleDestroy {
  readonly relay: OutboxRelay;
  readonly wakeUps: WakeUps;
  /** Who holds which shards; `memberId` is what this process is called there. */
  readonly leases: TypeOrmLeaseStore;
  /** Entries whose transactions this process has committed. */
  published = 0;
  private readonly balancer: LeaseBalancer;
  private readonly pruner: InboxPruner;
  private readonly logger: Logger;
  private measured: { readonly atMs: number; readonly backlog: Promise<Backlog> } | undefined;

  constructor(private readonly d: OutboxRuntimeDependencies) {
    const { database, publishers, options, metrics, name } = d;
    const { relay, retry, deadLetter, codec } = options;
    this.logger = new Logger(name === undefined ? 'Outbox' : `Outbox ${name}`);
    this.relay = new OutboxRelay({
      ...relay,
      storage: database.storage,
      publishers,
      retry,
      afterDeadLetter: deadLetter.key,
      concurrencyLimit: deadLetter.concurrencyLimit,
      holds: (shard) => parts[shard] !== undefined && this.balancer.holds(parts[shard]),
      pollMs: () => this.wakeUps.pollMs,
      toMessage: (entry, attempt) => new StoredMessage(entry, attempt, codec),
      observer: this.observer(),
    });
    const universe = Partition.fromInts(0n, BigInt(database.shards));
    const parts = universe.split(database.shards);
    this.leases = new TypeOrmLeaseStore(database.dataSource, { tablePrefix: options.tablePrefix });
    this.balancer = new LeaseBalancer({
      store: this.leases,
      section: SECTION,
      universe,
      termMs: relay.claimDurationMs,
      clock: relay.clock,
      ...(relay.processorId === undefined ? {} : { memberId: relay.processorId }),
      onAssigned: (assigned, how) => {
        metrics.leases(how.afterExpiry ? 'assigned_after_expiry' : 'assigned', assigned.length);
        this.relay.assign(assigned.map(shardOf), how);
      },
      onRevoked: (revoked) => {
        metrics.leases('revoked', revoked.length);
        return this.relay.revoke(revoked.map(shardOf));
      },
      onError: (error) => this.logger.warn(`Sharing out the shards failed, and is tried again: ${String(error)}`),
    });
    this.wakeUps = new WakeUps({
      db: database.db,
      relay: this.relay,
      processIntervalMs: relay.processIntervalMs,
      onWake: (kind) => metrics.woken(kind),
      onError: (error) =>
        this.logger.warn(`Other processes were not told of new messages, and will poll: ${String(error)}`),
      onUnheard: (error) => this.logger.warn(error.message),
    });
    this.pruner = new InboxPruner(database.db, options.inboxRetentionMs, relay.clock, (error) =>
      this.logger.warn(`Pruning the inbox failed, and is tried again: ${String(error)}`),
    );
    d.barriers?.watch(holdsOf(this.relay, name));
  }

  onApplicationBootstrap(): void {
    this.d.metrics.observe(
      () => this.relay.stats(),
      () => this.backlog(),
    );
    if (!this.d.options.relays) return;
    this.wakeUps.listen();
    this.balancer.start();
    this.relay.start();
    this.pruner.start();
  }

  /** The relay first: the balancer keeps its shards leased until nothing is under way. */
  async onModuleDestroy(): Promise<void> {
    await this.relay.stop();
    await this.balancer.stop();
    await Promise.all([this.wakeUps.close(), this.pruner.stop()]);
    for (const [name, publisher] of this.d.publishers) {
      await publisher.close?.().catch((error: unknown) => this.logger.warn(`Closing ${name} failed: ${String(error)}`));
    }
    this.d.metrics.close();
  }

  get memberId(): string {
    return this.balancer.memberId;
  }

  /** Must not throw: the commit has happened. */
  committed(committed: Committed): void {
    this.published += committed.entries;
    this.wakeUps.committed(committed);
  }

  /** What is in the tables, of the shards of this process; measured at most every two seconds. */
  backlog(): Promise<Backlog> {
    const nowMs = this.d.options.relay.clock.monotonic();
    if (!this.measured || nowMs - this.measured.atMs > BACKLOG_AGE_MS) {
      this.measured = { atMs: nowMs, backlog: this.d.database.storage.backlog(this.relay.assigned) };
    }
    return this.measured.backlog;
  }

  private observer(): RelayObserver {
    const { logger } = this;
    const { metrics } = this.d;
    return {
      called: (...call) => metrics.called(...call),
      settled: (_entries, durationMs) => metrics.settled(durationMs),
      failed: ({ messageId, topic }, attempt, error) =>
        logger.warn(`Attempt ${attempt} to deliver ${topic} ${messageId} failed: ${error.message}`),
      deadLettered: ({ messageId, topic, destination, id }, attempts) => {
        metrics.deadLettered(destination);
        logger.error(`${topic} ${messageId} is a dead letter (${id}) after ${attempts} attempts. See DeadLetters.`);
      },
      outage: (destination, state) => this.outage(destination, state),
      foundLate: (entries) => {
        metrics.foundLate(entries.length);
        const ids = entries.map(({ messageId }) => messageId).slice(0, 10);
        logger.error(
          `${entries.length} messages had been passed over and are delivered late, perhaps out of order: ${ids.join(', ')}. ` +
            `Something writes to the outbox's tables by other means, or this is a defect worth a report.`,
        );
      },
      storageFailed: (error) => logger.error(`The outbox's database failed, and is tried again: ${error.message}`),
    };
  }

  private outage(destination: string, state: OutageState): void {
    if (state.kind === 'up') this.logger.log(`${destination} is back.`);
    else this.logger.warn(`${destination} is away, and is probed until it is back: ${state.reason}`);
  }
}

function shardOf(part: Partition): number {
  return Number(part.low);
}

/** The relay's held keys, for an app whose BarrierModule shows all holds in one place. */
function holdsOf(relay: OutboxRelay, name: string | undefined): WatchedHolds {
  return {
    name: name === undefined ? 'outbox' : `outbox ${name}`,
    get held() {
      return relay.stats().heldKeys;
    },
    get oldestHoldAgeMs() {
      return relay.stats().oldestHoldAgeMs;
    },
  };
}
