// Metrics, when the app has a PrometheusModule
export { counterProvider, gaugeProvider, histogramProvider, metricToken } from './metrics.js';
export { ObservedGauge } from './observed-gauge.js';

// Health, when the app has @nestjs/terminus
export { HealthReporter, healthProviders } from './health.js';

// Options
export { optionalDataSource } from './data-source.js';
