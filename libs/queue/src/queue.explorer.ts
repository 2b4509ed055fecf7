import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { PROCESSED_QUEUE } from './queue.decorators.js';
import { QueueProcessorError } from './queue.module-errors.js';
import { QueueRegistry } from './queue.registry.js';
import { type Process } from './queue.js';

type ProviderWrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** Finds the methods with `@ProcessBatch`, once, and starts the queues with them. */
@Injectable()
export class QueueExplorer implements OnApplicationBootstrap {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly registry: QueueRegistry,
  ) {}

  onApplicationBootstrap(): void {
    const seen = new Set<object>();
    for (const wrapper of this.discovery.getProviders()) {
      const prototype = prototypeOf(wrapper);
      if (!prototype) continue;
      for (const method of this.scanner.getAllMethodNames(prototype)) {
        const queue = Reflect.getMetadata(PROCESSED_QUEUE, prototype[method] as object) as string | undefined;
        if (queue === undefined) continue;
        this.bind(queue, method, wrapper, seen);
      }
    }
    this.registry.start();
  }

  private bind(queue: string, method: string, wrapper: ProviderWrapper, seen: Set<object>): void {
    const host = `${wrapper.metatype?.name ?? String(wrapper.token)}.${method}`;
    if (!wrapper.isDependencyTreeStatic()) {
      throw new QueueProcessorError(
        `${host} processes the queue "${queue}" and is request-scoped, but a batch comes with no request. ` +
          `Make the provider and what it injects singletons.`,
      );
    }
    const instance = wrapper.instance as Record<string, Process<unknown>>;
    // A provider can be listed under a second token (useExisting).
    const bound = instance[method];
    if (!bound || seen.has(instance)) return;
    this.registry.bind(queue, host, bound.bind(instance));
  }
}

/** A request-scoped provider has no instance at start, or only a prototype of one. */
function prototypeOf({ instance, metatype }: ProviderWrapper): Record<string, unknown> | undefined {
  const prototype: unknown = instance ? Object.getPrototypeOf(instance) : metatype?.prototype;
  return prototype && prototype !== Object.prototype ? (prototype as Record<string, unknown>) : undefined;
}
