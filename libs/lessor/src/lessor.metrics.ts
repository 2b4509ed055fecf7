import type { FactoryProvider } from '@nestjs/common';
import { counterProvider, gaugeProvider, histogramProvider, metricToken, type ObservedGauge } from '#nest';
import type { Counter, Histogram } from 'prom-client';
import type { LeaseObserver } from './core/lease-observer.js';

const HELD_PARTS = 'turnpike_lessor_held_parts';
const ACQUIRE_DURATION = 'turnpike_lessor_acquire_duration_seconds';
const LOST_LEASES = 'turnpike_lessor_lost_leases_total';

export const lessorMetricProviders: FactoryProvider[] = [
  gaugeProvider({ name: HELD_PARTS, help: 'Parts that this process has leased.' }),
  histogramProvider({
    name: ACQUIRE_DURATION,
    help: 'How long the store took to answer a request for a lease, in seconds.',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
  }),
  counterProvider({ name: LOST_LEASES, help: 'Leased parts whose lease ended before they were given back.' }),
];

/** What the metrics class injects, in the order of its constructor. */
export const lessorMetricTokens = [HELD_PARTS, ACQUIRE_DURATION, LOST_LEASES].map(metricToken);

/** Feeds the metrics; does nothing in an app without PrometheusModule. */
export class LessorMetrics implements LeaseObserver {
  private held = 0;
  private readonly unobserve: () => void;

  constructor(
    heldParts: ObservedGauge,
    private readonly acquireDuration: Histogram | undefined,
    private readonly lostLeases: Counter | undefined,
  ) {
    this.unobserve = heldParts.observe({}, () => this.held);
  }

  acquired(parts: number, durationMs: number): void {
    this.held += parts;
    this.acquireDuration?.observe(durationMs / 1000);
  }

  ended(parts: number, how: 'released' | 'lost'): void {
    this.held -= parts;
    if (how === 'lost') this.lostLeases?.inc(parts);
  }

  onModuleDestroy(): void {
    this.unobserve();
  }
}
