import type { HealthReporter } from '#nest';
import type { HealthIndicatorResult } from '@nestjs/terminus';
import type { OutboxRuntime } from './outbox-runtime.js';

export interface OutboxHealthOptions {
  /** Down when the oldest message to be sent is older. Default: 300,000 ms. */
  readonly maxLagMs?: number;
  /** Down when a key has been held for longer. Default: never: a held key is a message's trouble, not the app's. */
  readonly maxHoldAgeMs?: number;
}

/**
 * Down while the database fails the relay, while a destination is away, or when messages lag. Shows the held keys, and
 * whether commits of other processes are heard of at once (`wakeUps`).
 */
export class OutboxHealthIndicator {
  constructor(
    private readonly health: HealthReporter,
    private readonly runtime: OutboxRuntime,
  ) {}

  /** `key` is the name under which it is shown. */
  async check(
    key = 'outbox',
    { maxLagMs = 300_000, maxHoldAgeMs = Infinity }: OutboxHealthOptions = {},
  ): Promise<HealthIndicatorResult> {
    const session = this.health.check(key);
    const { lastError, shards, heldKeys, oldestHoldAgeMs, inFlight, destinations } = this.runtime.relay.stats();
    const backlog = await this.runtime.backlog().catch(() => undefined);
    const away = destinations.filter(({ state }) => state === 'away').map(({ name, reason }) => `${name}: ${reason}`);
    const shown = {
      shards,
      heldKeys,
      oldestHoldAgeMs: Math.round(oldestHoldAgeMs),
      inFlight,
      pending: backlog?.pending,
      lagMs: backlog?.oldestAgeMs,
      wakeUps: this.runtime.wakeUps.connected ? 'listening' : 'polling',
      ...(away.length > 0 ? { away } : {}),
      ...(lastError === undefined ? {} : { lastError }),
    };
    const late = (backlog?.oldestAgeMs ?? 0) > maxLagMs || oldestHoldAgeMs > maxHoldAgeMs;
    const down = lastError !== undefined || away.length > 0 || late || backlog === undefined;
    return down ? session.down(shown) : session.up(shown);
  }
}
