import type { FactoryProvider } from '@nestjs/common';
import { counterProvider, gaugeProvider, histogramProvider, metricToken, type ObservedGauge } from '#nest';
import type { Counter, Histogram } from 'prom-client';
import { type OpenStream } from './open-streams.js';

const PENDING = 'turnpike_checkpoint_pending';
const OLDEST_UNRESOLVED = 'turnpike_checkpoint_oldest_unresolved_seconds';
const COMMITTED = 'turnpike_checkpoint_committed_total';
const FAILED = 'turnpike_checkpoint_commits_failed_total';
const COMMIT_DURATION = 'turnpike_checkpoint_commit_duration_seconds';

/** Labelled by stream, not by partition: of those there may be many, and they move between processes. */
const labelNames = ['stream'];

export const checkpointMetricProviders: FactoryProvider[] = [
  gaugeProvider({ name: PENDING, help: 'Size of what was tracked after the highest safe position.', labelNames }),
  gaugeProvider({ name: OLDEST_UNRESOLVED, help: 'Age of the oldest unresolved position, in seconds.', labelNames }),
  counterProvider({ name: COMMITTED, help: 'Positions that were saved.', labelNames }),
  counterProvider({ name: FAILED, help: 'Saves that failed, and are tried again.', labelNames }),
  histogramProvider({
    name: COMMIT_DURATION,
    help: 'How long the store took to save a position, in seconds.',
    labelNames,
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
  }),
];

/** What the metrics class injects, in the order of its constructor. */
export const checkpointMetricTokens = [PENDING, OLDEST_UNRESOLVED, COMMITTED, FAILED, COMMIT_DURATION].map(metricToken);

/** Feeds the metrics; does nothing in an app without PrometheusModule. */
export class CheckpointMetrics {
  constructor(
    private readonly pending: ObservedGauge,
    private readonly oldestUnresolved: ObservedGauge,
    private readonly saved: Counter | undefined,
    private readonly notSaved: Counter | undefined,
    private readonly duration: Histogram | undefined,
  ) {}

  committed(stream: string, durationMs: number): void {
    this.saved?.inc({ stream });
    this.duration?.observe({ stream }, durationMs / 1000);
  }

  failed(stream: string): void {
    this.notSaved?.inc({ stream });
  }

  /** Reads the gauges off the open partitions of a stream, until the returned function is called. */
  watch(stream: string, partitions: ReadonlySet<OpenStream>): () => void {
    const pending = (): number => sum(partitions, (partition) => partition.pending);
    const oldestMs = (): number =>
      Math.max(0, ...Array.from(partitions, ({ oldestUnresolvedMs }) => oldestUnresolvedMs));
    const ends = [
      this.pending.observe({ stream }, pending),
      this.oldestUnresolved.observe({ stream }, () => oldestMs() / 1000),
    ];
    return () => {
      for (const end of ends) end();
    };
  }
}

function sum<T>(items: Iterable<T>, numberOf: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += numberOf(item);
  return total;
}
