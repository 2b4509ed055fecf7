import { ModuleRef, type DiscoveryService } from '@nestjs/core';
import { PersistentBarrier } from 'nestjs-turnpike/barrier';
import { Checkpoints } from 'nestjs-turnpike/checkpoint';
import { DeadLetters, HeldKeyList, OutboxPauses, OutboxRelay, OutboxStatus, outboxToken } from 'nestjs-turnpike/outbox';
import { Queue } from 'nestjs-turnpike/queue';
import type { Clock } from 'nestjs-turnpike/timing';
import { OutboxSource } from './outbox-source.js';
import { QueueSource } from './queue-source.js';
import { Sources } from './sources.js';

export interface Lookup {
  readonly discovery: DiscoveryService;
  readonly moduleRef: ModuleRef;
  readonly clock: Clock;
  readonly intervalMs: number;
}

/** Whatever the app has of us, in whichever of its modules; it may have nothing of most. */
export function findSources({ discovery, moduleRef, clock, intervalMs }: Lookup): Sources {
  const instances = new Set<unknown>(discovery.getProviders().map(instanceOf));
  const all = <T>(type: abstract new (...args: never[]) => T): T[] =>
    [...instances].filter((instance) => instance instanceof type) as T[];
  const get = <T>(type: abstract new (...args: never[]) => T, name: string | undefined): T =>
    moduleRef.get<T>(outboxToken(type, name), { strict: false });
  return new Sources({
    outboxes: all(OutboxStatus).map((status) => {
      const parts = {
        status,
        relay: get(OutboxRelay, status.name),
        deadLetters: get(DeadLetters, status.name),
        heldKeys: get(HeldKeyList, status.name),
        pauses: get(OutboxPauses, status.name),
      };
      return new OutboxSource(parts, clock, intervalMs);
    }),
    queues: all<Queue<unknown>>(Queue).map((queue) => new QueueSource(queue, clock)),
    checkpoints: all(Checkpoints),
    barriers: all<PersistentBarrier>(PersistentBarrier as never),
  });
}

/** Undefined for a request-scoped provider, whose prototype would be no instance. */
function instanceOf(wrapper: ReturnType<DiscoveryService['getProviders']>[number]): unknown {
  return wrapper.isDependencyTreeStatic() && !wrapper.isTransient ? wrapper.instance : undefined;
}
