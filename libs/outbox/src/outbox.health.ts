import type { HealthReporter } from '#nest';
import type { HealthIndicatorResult } from '@nestjs/terminus';
import type { OutboxRelay } from './core/relay.js';

/** Down while the relay's rounds fail, as when its database is away. Held keys are shown, and are not a failure of the app. */
export class OutboxHealthIndicator {
  constructor(
    private readonly health: HealthReporter,
    private readonly relay: OutboxRelay,
  ) {}

  check(key = 'outbox'): HealthIndicatorResult {
    const session = this.health.check(key);
    const { lastError, shards, heldKeys, inFlight } = this.relay.stats();
    if (lastError !== undefined) return session.down({ lastError, shards, heldKeys, inFlight });
    return session.up({ shards, heldKeys, inFlight });
  }
}
