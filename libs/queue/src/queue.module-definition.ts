import { ConfigurableModuleBuilder } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { healthProviders } from '#nest';
import { QueueExplorer } from './queue.explorer.js';
import { QueueHealthIndicator } from './queue.health.js';
import { queueMetricProviders } from './queue.metrics.js';
import { type QueueDefaults, type QueueModuleExtras } from './queue.module-options.js';
import { QUEUE_DEFAULTS, QueueRegistry } from './queue.registry.js';

/** Global: the queues of all modules share the defaults, the metrics and one registry. */
export const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<QueueDefaults>({
  optionsInjectionToken: QUEUE_DEFAULTS,
})
  .setClassMethodName('forRoot')
  .setExtras<QueueModuleExtras>({ metrics: {} }, (definition, { metrics }) => ({
    ...definition,
    global: true,
    imports: [...(definition.imports ?? []), DiscoveryModule],
    providers: [
      ...(definition.providers ?? []),
      ...queueMetricProviders(metrics),
      ...healthProviders,
      QueueRegistry,
      QueueExplorer,
      QueueHealthIndicator,
    ],
    exports: [QueueRegistry, QueueHealthIndicator],
  }))
  .build();
