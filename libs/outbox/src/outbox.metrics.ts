import type { FactoryProvider } from '@nestjs/common';
import { counterProvider, gaugeProvider, metricToken, type ObservedGauge } from '#nest';
import type { Counter } from 'prom-client';
import type { PumpResult, RelayStats } from './core/relay.js';

const PUBLISHED = 'turnpike_outbox_published_total';
const FAILED = 'turnpike_outbox_failed_total';
const HELD_KEYS = 'turnpike_outbox_held_keys';
const SHARDS = 'turnpike_outbox_shards';

export const outboxMetricProviders: FactoryProvider[] = [
  counterProvider({ name: PUBLISHED, help: 'Messages that the publisher took.' }),
  counterProvider({ name: FAILED, help: 'Attempts that failed; each is tried again.' }),
  gaugeProvider({ name: HELD_KEYS, help: 'Keys whose messages wait for a failed one to succeed.' }),
  gaugeProvider({ name: SHARDS, help: 'Shards that this process relays.' }),
];

/** What the metrics class injects, in the order of its constructor. */
export const outboxMetricTokens = [PUBLISHED, FAILED, HELD_KEYS, SHARDS].map(metricToken);

/** Feeds the metrics; does nothing in an app without PrometheusModule. */
export class OutboxMetrics {
  private unobserve: (() => void)[] = [];

  constructor(
    private readonly published: Counter | undefined,
    private readonly failed: Counter | undefined,
    private readonly heldKeys: ObservedGauge,
    private readonly shards: ObservedGauge,
  ) {}

  count({ sent, failed }: PumpResult): void {
    this.published?.inc(sent);
    this.failed?.inc(failed);
  }

  observe(stats: () => RelayStats): void {
    this.unobserve = [this.heldKeys.observe({}, () => stats().heldKeys), this.shards.observe({}, () => stats().shards)];
  }

  onModuleDestroy(): void {
    for (const unobserve of this.unobserve) unobserve();
  }
}
