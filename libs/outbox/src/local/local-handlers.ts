import type { OnApplicationBootstrap } from '@nestjs/common';
import type { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { subscriptionsOf, type OutboxHandler, type Subscription } from '../decorators/on-outbox-message.decorator.js';
import { OutboxSetupError } from '../outbox.errors.js';

export interface LocalHandler extends Subscription {
  readonly handle: OutboxHandler;
}

/** The `@OnOutboxMessage` methods of an app, by topic. Refuses at start what could not work. */
export class LocalHandlers implements OnApplicationBootstrap {
  private readonly byTopic = new Map<string, LocalHandler[]>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    /** Only those of the outbox with this name. */
    private readonly outbox: string | undefined,
  ) {}

  /** Reads the app's providers and controllers once, when all of them are made and nothing is delivered yet. */
  onApplicationBootstrap(): void {
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const prototype: unknown = typeof wrapper.metatype === 'function' ? wrapper.metatype.prototype : undefined;
      if (prototype && typeof prototype === 'object') this.explore(wrapper, prototype as Record<string, unknown>);
    }
  }

  private explore(wrapper: InstanceWrapper, prototype: Record<string, unknown>): void {
    for (const method of this.scanner.getAllMethodNames(prototype)) {
      const handler = prototype[method];
      if (typeof handler !== 'function') continue;
      for (const subscription of subscriptionsOf(handler)) {
        if (subscription.outbox !== this.outbox) continue;
        const name = `${wrapper.name}.${method}()`;
        const instance: unknown = wrapper.isDependencyTreeStatic() ? wrapper.instance : undefined;
        if (!instance) {
          throw new OutboxSetupError(
            `${name} has @OnOutboxMessage, but its provider is request-scoped, and a delivery has no request.`,
          );
        }
        this.add({ ...subscription, handle: handler.bind(instance) as OutboxHandler }, name);
      }
    }
  }

  of(topic: string): readonly LocalHandler[] {
    return this.byTopic.get(topic) ?? [];
  }

  private add(handler: LocalHandler, name: string): void {
    const handlers = this.byTopic.get(handler.topic) ?? [];
    if (handlers.some(({ consumer }) => consumer === handler.consumer)) {
      throw new OutboxSetupError(
        `${name}: the topic ${JSON.stringify(handler.topic)} has another method for the consumer ` +
          `${JSON.stringify(handler.consumer)}. Each would skip what the other has seen: give them different names.`,
      );
    }
    this.byTopic.set(handler.topic, [...handlers, handler]);
  }
}
