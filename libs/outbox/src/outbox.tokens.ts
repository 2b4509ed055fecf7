import { Inject, type InjectionToken, type Type } from '@nestjs/common';
import { Outbox } from './outbox.js';

/**
 * What to inject of an outbox that has a name: `@Inject(outboxToken(DeadLetters, 'billing'))`. Without a name it is the
 * class itself, so that nothing but its type is needed.
 */
export function outboxToken<T>(
  type: Type<T> | (abstract new (...args: never[]) => T),
  name?: string,
): InjectionToken<T> {
  return name === undefined ? type : `turnpike.outbox.${name}.${type.name}`;
}

/** Injects the outbox of `OutboxModule.forRoot({ name })`. */
export function InjectOutbox(name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(outboxToken(Outbox, name));
}
