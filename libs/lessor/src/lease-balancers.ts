import { Logger, type OnModuleDestroy } from '@nestjs/common';
import type { Clock } from 'nestjs-turnpike/timing';
import { LeaseBalancer } from './core/lease-balancer.js';
import type { LeaseBalancerOptions } from './core/lease-balancer-options.js';
import type { LeaseObserver } from './core/lease-observer.js';
import { StoreLessor, type Lessor } from './core/lessor.js';
import { BalancingUnsupportedError } from './lessor.errors.js';

/** The store, the clock and the observer are those of the module. */
export type OpenBalancerOptions = Omit<LeaseBalancerOptions, 'store' | 'clock' | 'observer'>;

interface Environment {
  readonly id: string;
  readonly lessor: Lessor;
  readonly clock: Clock;
  readonly observer: LeaseObserver;
}

/** The balancers of an app: they count in its metrics and its health, and hand over when it shuts down. */
export class LeaseBalancers implements OnModuleDestroy {
  private readonly logger = new Logger('Lessor');
  private readonly open = new Map<LeaseBalancer, string>();

  constructor(private readonly environment: Environment) {}

  /**
   * Starts a balancer on the module's lessor. Call it when your provider can take parts, as in `onApplicationBootstrap`;
   * `stop()` it yourself only if you want it to end before the app. Throws `BalancingUnsupportedError` on a lessor of
   * your own that is not a `StoreLessor`.
   */
  start(options: OpenBalancerOptions): LeaseBalancer {
    const { id, lessor, clock, observer } = this.environment;
    if (!(lessor instanceof StoreLessor)) throw new BalancingUnsupportedError(id);
    const onError = (error: unknown): void =>
      this.logger.warn(`Balancing "${options.section}" failed, and goes on: ${String(error)}`);
    const balancer = new LeaseBalancer({ onError, ...options, store: lessor.store, clock, observer });
    this.open.set(balancer, options.section);
    balancer.start();
    return balancer;
  }

  /** By section, for health checks. */
  get all(): ReadonlyMap<LeaseBalancer, string> {
    return this.open;
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all([...this.open.keys()].map((balancer) => balancer.stop()));
  }
}
