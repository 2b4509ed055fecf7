import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import type { Broker } from './broker.js';
import type { BrokerConsumer } from './broker.consumer.js';

/** Down while the broker is not reached by the process that consumes. Whether it is for sending, `outbox` says. */
export class BrokerHealthIndicator {
  constructor(
    private readonly health: HealthIndicatorService,
    private readonly broker: Broker | undefined,
    private readonly consumer: BrokerConsumer | undefined,
  ) {}

  check(key = 'broker'): HealthIndicatorResult {
    const session = this.health.check(key);
    const { name } = this.broker ?? { name: 'none' };
    if (!this.consumer) return session.up(this.broker ? { name, state: 'sending only' } : { name });
    const { kind: state, ...rest } = this.consumer.state;
    return state === 'away' || state === 'connecting'
      ? session.down({ name, state, ...rest })
      : session.up({ name, state });
  }
}
