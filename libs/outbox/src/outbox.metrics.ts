import type { FactoryProvider } from '@nestjs/common';
import { counterProvider, gaugeProvider, histogramProvider, metricToken, type ObservedGauge } from '#nest';
import type { Counter, Histogram } from 'prom-client';
import type { Backlog } from './core/outbox-storage.js';
import type { RelayStats } from './core/relay-types.js';
import type { WakeUpKind } from './wake-ups.js';

const NAMES = {
  published: 'turnpike_outbox_published_total',
  failed: 'turnpike_outbox_failed_total',
  deadLettered: 'turnpike_outbox_dead_lettered_total',
  pending: 'turnpike_outbox_pending',
  parked: 'turnpike_outbox_parked',
  deadLetters: 'turnpike_outbox_dead_letters',
  oldestAge: 'turnpike_outbox_oldest_age_seconds',
  heldKeys: 'turnpike_outbox_held_keys',
  shards: 'turnpike_outbox_shards',
  away: 'turnpike_outbox_destination_away',
  publishDuration: 'turnpike_outbox_publish_duration_seconds',
  batchSize: 'turnpike_outbox_publish_batch_size',
  settleDuration: 'turnpike_outbox_settle_duration_seconds',
  wakeUps: 'turnpike_outbox_wake_ups_total',
  leaseChanges: 'turnpike_outbox_lease_changes_total',
  foundLate: 'turnpike_outbox_found_late_total',
} as const;

const outbox = ['outbox'];
const byDestination = ['outbox', 'destination'];
const durations = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

/** Every metric is labelled with the outbox's name, `default` where it has none. */
export const outboxMetricProviders: FactoryProvider[] = [
  counterProvider({ name: NAMES.published, help: 'Messages that a publisher took.', labelNames: byDestination }),
  counterProvider({ name: NAMES.failed, help: 'Deliveries that failed.', labelNames: byDestination }),
  counterProvider({ name: NAMES.deadLettered, help: 'Messages that were given up.', labelNames: byDestination }),
  gaugeProvider({
    name: NAMES.pending,
    help: 'Messages to be sent, in the shards of this process; up to 100,000.',
    labelNames: outbox,
  }),
  gaugeProvider({
    name: NAMES.parked,
    help: 'Messages that wait, in the shards of this process; up to 100,000.',
    labelNames: outbox,
  }),
  gaugeProvider({
    name: NAMES.deadLetters,
    help: 'Dead letters, in the shards of this process; up to 100,000.',
    labelNames: outbox,
  }),
  gaugeProvider({
    name: NAMES.oldestAge,
    help: 'Age of the oldest message to be sent, in seconds.',
    labelNames: outbox,
  }),
  gaugeProvider({ name: NAMES.heldKeys, help: 'Keys whose messages wait for a failed one.', labelNames: outbox }),
  gaugeProvider({ name: NAMES.shards, help: 'Shards that this process relays.', labelNames: outbox }),
  gaugeProvider({ name: NAMES.away, help: '1 while the destination is away, 0 otherwise.', labelNames: byDestination }),
  histogramProvider({
    name: NAMES.publishDuration,
    help: 'How long calls of a publisher took, in seconds.',
    labelNames: byDestination,
    buckets: durations,
  }),
  histogramProvider({
    name: NAMES.batchSize,
    help: 'Messages in a call of a publisher.',
    labelNames: byDestination,
    buckets: [1, 2, 5, 10, 20, 50, 100, 500, 1000],
  }),
  histogramProvider({
    name: NAMES.settleDuration,
    help: 'How long it took to delete what was sent, in seconds.',
    labelNames: outbox,
    buckets: durations,
  }),
  counterProvider({
    name: NAMES.wakeUps,
    help: 'What made the relay look for messages.',
    labelNames: ['outbox', 'kind'],
  }),
  counterProvider({
    name: NAMES.leaseChanges,
    help: 'Shards that came to this process or left it.',
    labelNames: ['outbox', 'kind'],
  }),
  counterProvider({
    name: NAMES.foundLate,
    help: 'Messages that reading had passed over; should be 0.',
    labelNames: outbox,
  }),
];

type Metric = keyof typeof NAMES;

/** What the metrics class injects, in the order of its constructor. */
export const outboxMetricTokens = Object.values(NAMES).map(metricToken);

/** Feeds the metrics of one outbox; does nothing in an app without PrometheusModule. */
export class OutboxMetrics {
  private readonly metrics: Readonly<Record<Metric, unknown>>;
  private unobserve: (() => void)[] = [];

  constructor(
    private readonly outbox: string,
    metrics: readonly unknown[],
  ) {
    this.metrics = Object.fromEntries(Object.keys(NAMES).map((name, index) => [name, metrics[index]])) as Readonly<
      Record<Metric, unknown>
    >;
  }

  called(destination: string, entries: number, failed: number, durationMs: number): void {
    const labels = { outbox: this.outbox, destination };
    this.counter('published')?.inc(labels, entries - failed);
    if (failed > 0) this.counter('failed')?.inc(labels, failed);
    this.histogram('publishDuration')?.observe(labels, durationMs / 1000);
    this.histogram('batchSize')?.observe(labels, entries);
  }

  deadLettered(destination: string): void {
    this.counter('deadLettered')?.inc({ outbox: this.outbox, destination });
  }

  settled(durationMs: number): void {
    this.histogram('settleDuration')?.observe({ outbox: this.outbox }, durationMs / 1000);
  }

  woken(kind: WakeUpKind): void {
    this.counter('wakeUps')?.inc({ outbox: this.outbox, kind });
  }

  leases(kind: 'assigned' | 'assigned_after_expiry' | 'revoked', shards: number): void {
    this.counter('leaseChanges')?.inc({ outbox: this.outbox, kind }, shards);
  }

  foundLate(count: number): void {
    this.counter('foundLate')?.inc({ outbox: this.outbox }, count);
  }

  /** The gauges are read when they are scraped. */
  observe(stats: () => RelayStats, backlog: () => Promise<Backlog>): void {
    const { outbox } = this;
    const gauge = (name: Metric, labels: Record<string, string>, read: () => number | Promise<number>): void => {
      this.unobserve.push((this.metrics[name] as ObservedGauge).observe(labels, read));
    };
    gauge('heldKeys', { outbox }, () => stats().heldKeys);
    gauge('shards', { outbox }, () => stats().shards);
    gauge('pending', { outbox }, async () => (await backlog()).pending);
    gauge('parked', { outbox }, async () => (await backlog()).parked);
    gauge('deadLetters', { outbox }, async () => (await backlog()).deadLetters);
    gauge('oldestAge', { outbox }, async () => (await backlog()).oldestAgeMs / 1000);
    for (const { name } of stats().destinations) {
      const away = (): boolean => stats().destinations.some((one) => one.name === name && one.state === 'away');
      gauge('away', { outbox, destination: name }, () => (away() ? 1 : 0));
    }
  }

  close(): void {
    for (const unobserve of this.unobserve.splice(0)) unobserve();
  }

  private counter(name: Metric): Counter | undefined {
    return this.metrics[name] as Counter | undefined;
  }

  private histogram(name: Metric): Histogram | undefined {
    return this.metrics[name] as Histogram | undefined;
  }
}
