import type { FactoryProvider, OptionalFactoryDependency } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type {
  Counter,
  CounterConfiguration,
  Gauge,
  GaugeConfiguration,
  Histogram,
  HistogramConfiguration,
} from 'prom-client';
import { ObservedGauge } from './observed-gauge.js';

type Library = typeof import('@willsoto/nestjs-prometheus');
type MakeProvider = (library: Library) => unknown;

/** The token of a metric's provider: `@Inject(metricToken('turnpike_queue_batches'))`. */
export function metricToken(name: string): string {
  return `TURNPIKE_METRIC_${name}`;
}

/** Provides a counter, or `undefined` in an app without PrometheusModule: `this.pushed?.inc({ queue })`. */
export function counterProvider(config: CounterConfiguration<string>): FactoryProvider<Counter | undefined> {
  return metricProvider(config.name, (library) => library.makeCounterProvider(config));
}

/** Provides a histogram, or `undefined` in an app without PrometheusModule. */
export function histogramProvider(config: HistogramConfiguration<string>): FactoryProvider<Histogram | undefined> {
  return metricProvider(config.name, (library) => library.makeHistogramProvider(config));
}

/** Provides an {@link ObservedGauge}, which reads nothing in an app without PrometheusModule. */
export function gaugeProvider(config: GaugeConfiguration<string>): FactoryProvider<ObservedGauge> {
  const { inject, useFactory, ...provider } = metricProvider<Gauge>(config.name, (library) =>
    library.makeGaugeProvider(config),
  );
  return { ...provider, inject, useFactory: async (...deps) => new ObservedGauge(await useFactory(...deps)) };
}

/**
 * Asks @willsoto/nestjs-prometheus for the metric, but only in an app that has its PrometheusModule: without it nobody
 * would serve the numbers, and the library may not even be installed. The module need not be global. Its
 * `customMetricPrefix` holds for our metrics too when it is given to `register` (`registerAsync` may resolve it later).
 */
function metricProvider<Metric>(name: string, make: MakeProvider): FactoryProvider<Metric | undefined> {
  return {
    provide: metricToken(name),
    inject: [ModulesContainer],
    useFactory: async (modules: ModulesContainer) => {
      const prometheus = [...modules.values()].find((module) => module.metatype.name === 'PrometheusModule');
      if (!prometheus) return undefined;
      const provider = make(await import('@willsoto/nestjs-prometheus')) as FactoryProvider<Metric>;
      const [options] = provider.inject as [OptionalFactoryDependency];
      return provider.useFactory(prometheus.getProviderByKey(options.token)?.instance);
    },
  };
}
