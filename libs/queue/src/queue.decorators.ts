import { Inject, SetMetadata } from '@nestjs/common';
import { checkOption } from 'nestjs-turnpike/timing';

export const PROCESSED_QUEUE = Symbol('turnpike.queue.processed');

/** The provider token of a registered queue, for `inject` of a factory or `app.get`. */
export function queueToken(name: string): string {
  return `TURNPIKE_QUEUE_${name}`;
}

/** Injects the `Queue` that `QueueModule.registerQueue({ name })` made. */
export function InjectQueue(name: string): PropertyDecorator & ParameterDecorator {
  return Inject(queueToken(name));
}

/**
 * The method processes the batches of this queue: `(batch: Iterable<Item>, context: ProcessContext<Item>) => Promise<void>`.
 * Each registered queue needs exactly one, on a provider that is not request-scoped.
 */
export function ProcessBatch(name: string) {
  checkOption('the queue of @ProcessBatch', name, typeof name === 'string' && name !== '', 'be a name');
  return <Method extends (...args: never[]) => Promise<void>>(
    target: object,
    method: string | symbol,
    descriptor: TypedPropertyDescriptor<Method>,
  ): void => {
    SetMetadata(PROCESSED_QUEUE, name)(target, method, descriptor);
  };
}
