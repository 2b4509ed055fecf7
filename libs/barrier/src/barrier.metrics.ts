import type { FactoryProvider } from '@nestjs/common';
import { counterProvider, gaugeProvider, metricToken, type ObservedGauge } from '#nest';
import type { Counter } from 'prom-client';
import type { IllegalSequencePoint } from './barrier.errors.js';

const HELD_KEYS = 'turnpike_barrier_held_keys';
const OLDEST_HOLD = 'turnpike_barrier_oldest_hold_seconds';
const WAITS = 'turnpike_barrier_waits_total';
const ILLEGAL_SEQUENCES = 'turnpike_barrier_illegal_sequences_total';

const labelNames = ['barrier'];

export const barrierMetricProviders: FactoryProvider[] = [
  gaugeProvider({ name: HELD_KEYS, help: 'Keys whose jobs wait for a failed one to end.', labelNames }),
  gaugeProvider({ name: OLDEST_HOLD, help: 'How long the longest hold has lasted, in seconds.', labelNames }),
  counterProvider({ name: WAITS, help: 'Jobs told to wait right before they were sent.', labelNames }),
  counterProvider({
    name: ILLEGAL_SEQUENCES,
    help: 'Jobs that came after a later one of their key had failed, by where it was seen.',
    labelNames: [...labelNames, 'at'],
  }),
];

/** What the metrics class injects, in the order of its constructor. */
export const barrierMetricTokens = [HELD_KEYS, OLDEST_HOLD, WAITS, ILLEGAL_SEQUENCES].map(metricToken);

interface Observed {
  readonly name: string;
  readonly held: number;
  readonly oldestHoldAgeMs: number;
}

/** Feeds the metrics; does nothing in an app without PrometheusModule. */
export class BarrierMetrics {
  private readonly ends: (() => void)[] = [];

  constructor(
    private readonly heldKeys: ObservedGauge,
    private readonly oldestHold: ObservedGauge,
    private readonly waits: Counter | undefined,
    private readonly illegalSequences: Counter | undefined,
  ) {}

  waited(barrier: string): void {
    this.waits?.inc({ barrier });
  }

  illegal(barrier: string, at: IllegalSequencePoint): void {
    this.illegalSequences?.inc({ barrier, at });
  }

  /** Reads the barrier's gauges at each scrape, until `stop`. */
  observe(barrier: Observed): void {
    const labels = { barrier: barrier.name };
    this.ends.push(
      this.heldKeys.observe(labels, () => barrier.held),
      this.oldestHold.observe(labels, () => barrier.oldestHoldAgeMs / 1000),
    );
  }

  stop(): void {
    for (const end of this.ends.splice(0)) end();
  }
}
