import type { Provider } from '@nestjs/common';
import type { Counter, Histogram } from 'prom-client';
import { checkOption } from 'nestjs-turnpike/timing';
import { counterProvider, gaugeProvider, histogramProvider, metricToken, type ObservedGauge } from '#nest';
import { type QueueObserver } from './core/observer.js';
import { type MetricOptions, type QueueMetricsOptions } from './queue.module-options.js';
import { type Queue, type QueueStats } from './queue.js';

interface Metrics {
  readonly batches: ObservedGauge | undefined;
  readonly items: ObservedGauge | undefined;
  readonly itemsPushed: Counter | undefined;
  readonly itemsFlushed: Counter | undefined;
  readonly itemsProcessed: Counter | undefined;
  readonly processErrors: Counter | undefined;
  readonly processDuration: Histogram | undefined;
}

const NONE: Metrics = {
  batches: undefined,
  items: undefined,
  itemsPushed: undefined,
  itemsFlushed: undefined,
  itemsProcessed: undefined,
  processErrors: undefined,
  processDuration: undefined,
};

/** Feeds the metrics of an app's queues. Without metrics it does nothing. */
export class QueueMetrics {
  private readonly observed: (() => void)[] = [];

  constructor(
    private readonly metrics: Metrics,
    private readonly labels: Readonly<Record<string, string>> = {},
  ) {}

  observerOf(queue: string): QueueObserver | undefined {
    const { itemsPushed, itemsFlushed, itemsProcessed, processErrors, processDuration } = this.metrics;
    if (!itemsPushed) return undefined;
    const labels = { ...this.labels, queue };
    return {
      pushed: () => itemsPushed.inc(labels),
      flushed: (type, items) => itemsFlushed?.inc({ ...labels, type }, items),
      processed: (items, durationMs) => {
        itemsProcessed?.inc(labels, items);
        processDuration?.observe(labels, durationMs / 1000);
      },
      processFailed: (durationMs) => {
        processErrors?.inc(labels);
        processDuration?.observe(labels, durationMs / 1000);
      },
    };
  }

  /** Reads the queue's gauges at each scrape, until `stop`. */
  observe(queue: Queue<unknown>): void {
    let reading: Promise<QueueStats> | undefined;
    // Both gauges are read at the same time: one question to the store answers them.
    const stats = () => (reading ??= queue.stats().finally(() => (reading = undefined)));
    // A store that does not answer must not take the other metrics of the app along: Prometheus shows NaN as a gap.
    const read = (of: (stats: QueueStats) => number) => () => stats().then(of, () => NaN);
    const { batches, items } = this.metrics;
    for (const [gauge, of] of [
      [batches, (now: QueueStats) => now.batches],
      [items, (now: QueueStats) => now.items],
    ] as const) {
      if (gauge) this.observed.push(gauge.observe({ ...this.labels, queue: queue.name }, read(of)));
    }
  }

  stop(): void {
    for (const end of this.observed.splice(0)) end();
  }
}

const OWN_LABELS: ReadonlySet<string> = new Set(['queue', 'type']);

const HELP: Readonly<Record<keyof Metrics, readonly [name: string, help: string]>> = {
  batches: ['batches', 'Batches that are stored and not yet processed'],
  items: ['items', 'Items in batches that are stored and not yet processed'],
  itemsPushed: ['items_pushed', 'Items pushed'],
  itemsFlushed: ['items_flushed', 'Items flushed into the store, by what flushed them'],
  itemsProcessed: ['items_processed', 'Items processed, after merging'],
  processErrors: ['process_errors', 'Attempts of process that failed'],
  processDuration: ['process_duration', 'How long an attempt of process took, in seconds'],
};

/** The providers of the seven metrics and of what feeds them. */
export function queueMetricProviders(options: QueueMetricsOptions | false = {}): Provider[] {
  if (options === false) return [{ provide: QueueMetrics, useValue: new QueueMetrics(NONE) }];
  const { namespace = 'turnpike', subsystem = 'queue', labels = {} } = options;
  const further = Object.keys(labels);
  const free = further.every((label) => !OWN_LABELS.has(label));
  checkOption('metrics.labels', further.join(', '), free, 'leave the labels queue and type to the queue');
  const config = (metric: keyof Metrics, ...ownLabels: string[]) => {
    const [defaultName, defaultHelp] = HELP[metric];
    const { name = defaultName, help = defaultHelp }: MetricOptions = options[metric] ?? {};
    const fullName = [namespace, subsystem, name].filter((part) => part !== '').join('_');
    return { name: fullName, help, labelNames: ['queue', ...ownLabels, ...further] };
  };
  const configs = {
    batches: config('batches'),
    items: config('items'),
    itemsPushed: config('itemsPushed'),
    itemsFlushed: config('itemsFlushed', 'type'),
    itemsProcessed: config('itemsProcessed'),
    processErrors: config('processErrors'),
    processDuration: config('processDuration'),
  };
  const keys = Object.keys(configs) as (keyof Metrics)[];
  const { buckets } = options.processDuration ?? {};
  return [
    gaugeProvider(configs.batches),
    gaugeProvider(configs.items),
    counterProvider(configs.itemsPushed),
    counterProvider(configs.itemsFlushed),
    counterProvider(configs.itemsProcessed),
    counterProvider(configs.processErrors),
    histogramProvider({ ...configs.processDuration, ...(buckets && { buckets }) }),
    {
      provide: QueueMetrics,
      inject: keys.map((key) => metricToken(configs[key].name)),
      useFactory: (...metrics: unknown[]) =>
        new QueueMetrics(
          Object.fromEntries(keys.map((key, index) => [key, metrics[index]])) as unknown as Metrics,
          labels,
        ),
    },
  ];
}
