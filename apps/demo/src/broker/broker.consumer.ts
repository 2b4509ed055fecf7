import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Checkpoints } from 'nestjs-turnpike/checkpoint';
import { LeaseBalancers, Partition } from 'nestjs-turnpike/lessor';
import { exponential } from 'nestjs-turnpike/timing';
import type { Broker, BrokerSettings } from './broker.js';
import { Lanes } from './lanes.js';
import type { ReceivedOrders } from './received-orders.js';
import type { Source } from './source.js';
import { withoutLogin } from './without-login.js';

/** A log has one reader at a time, and so one part to lease. */
const ALL = Partition.fromInts(0n, 1n);
const LEASE_MS = 3000;
/** Deliveries take turns at the database: more would only wait there. */
const PARALLEL = 4;

const AGAIN = { delivery: exponential(0, 250, 2000), connection: exponential(0, 250, 5000) };

export type ConsumerState =
  | { readonly kind: 'standby' }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'consuming' }
  | { readonly kind: 'away'; readonly reason: string };

/**
 * Consumes what the broker has, from when the app has booted until it shuts down, over as many connections as it takes.
 *
 * - Each order is delivered once in effect: `ReceivedOrders` records what it has seen.
 * - A customer's orders are delivered in their order: they come in it, and `Lanes` keeps it. One that fails holds that
 *   customer's later ones, and the others go on, up to `MOST_ON_THE_WAY`.
 * - Where the broker does not give messages to one process at a time, a lease decides which one reads; another takes over
 *   within `LEASE_MS`. The lease saves work, and nothing hangs on it: of two that read the same log, each from a position
 *   below which all is settled, neither gets to an order before those that come before it are delivered.
 */
export class BrokerConsumer implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(BrokerConsumer.name);
  private running: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;
  private current: ConsumerState = { kind: 'standby' };

  constructor(
    private readonly broker: Broker & Pick<Required<Broker>, 'consumed'>,
    private readonly settings: BrokerSettings,
    private readonly orders: ReceivedOrders,
    private readonly checkpoints: Checkpoints,
    private readonly balancers: LeaseBalancers,
  ) {}

  get state(): ConsumerState {
    return this.current;
  }

  onApplicationBootstrap(): void {
    if (this.broker.consumed.hasTurns) return this.begin();
    this.balancers.start({
      section: 'broker',
      universe: ALL,
      termMs: LEASE_MS,
      onAssigned: () => this.begin(),
      onRevoked: () => this.end(),
    });
  }

  onModuleDestroy(): Promise<void> {
    return this.end();
  }

  private begin(): void {
    const stop = new AbortController();
    this.running = { stop, ended: this.consumeUntil(stop.signal) };
  }

  /** Resolves when nothing is under way any more. */
  private async end(): Promise<void> {
    this.running?.stop.abort();
    await this.running?.ended;
    this.running = undefined;
  }

  private async consumeUntil(stop: AbortSignal): Promise<void> {
    let connecting = AGAIN.connection.derive();
    while (await connecting.attempt(stop)) {
      if (this.current.kind !== 'away') this.current = { kind: 'connecting' };
      try {
        await using source = await this.broker.consumed.open({ ...this.settings, checkpoints: this.checkpoints });
        if (this.current.kind === 'away') this.logger.log(`${this.broker.name} is back.`);
        this.current = { kind: 'consuming' };
        connecting = AGAIN.connection.derive();
        await this.consume(source, stop);
      } catch (error) {
        if (!stop.aborted) this.lost(error);
      }
    }
    this.current = { kind: 'standby' };
  }

  private async consume(source: Source, stop: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const lanes = new Lanes({
      parallel: PARALLEL,
      retry: AGAIN.delivery,
      signal: AbortSignal.any([stop, ended.signal]),
      onFailed: (error) => this.logger.warn(`An order was not delivered, and is tried again: ${String(error)}`),
    });
    try {
      for await (const arrival of source.arrivals(stop)) {
        void lanes.run(arrival.key, () => this.orders.receive(arrival)).then((done) => done && arrival.settled());
      }
    } finally {
      ended.abort();
      await lanes.idle();
    }
  }

  private lost(error: unknown): void {
    const reason = withoutLogin(String(error), this.settings.url);
    if (this.current.kind !== 'away') {
      this.logger.warn(`${this.broker.name} is away, and is tried until it is back: ${reason}`);
    }
    this.current = { kind: 'away', reason };
  }
}
