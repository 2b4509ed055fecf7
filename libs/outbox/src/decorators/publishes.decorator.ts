import { Inject } from '@nestjs/common';
import type { OutboxMessage } from '../core/message.js';
import { Outbox } from '../outbox.js';
import { OutboxSetupError } from '../outbox.errors.js';
import { outboxToken } from '../outbox.tokens.js';

export interface PublishesOptions<Result> {
  readonly topic: string;
  /** The key of the message for one result. Default: none, and no order. */
  readonly key?: (result: Result) => string;
  /** What is published of a result. Default: the result itself. */
  readonly payload?: (result: Result) => unknown;
  readonly headers?: (result: Result) => Readonly<Record<string, string>>;
  /** The message's id for one result. Default: a new UUIDv7. */
  readonly id?: (result: Result) => string;
  /** As `OutboxMessage.delayMs`. */
  readonly delayMs?: (result: Result) => number;
  /** The outbox's name, where there are several. Default: the one without a name. */
  readonly outbox?: string;
}

type Returned<Result> = Result | readonly Result[] | undefined | null;
type PublishingMethod<Result> = (...args: never[]) => Promise<Returned<Result>> | Returned<Result>;

/** Where the decorated class's instances keep the outbox that Nest injects into them. */
function propertyOf(outbox: string | undefined): symbol {
  return Symbol.for(outbox === undefined ? 'turnpike.outbox' : `turnpike.outbox.${outbox}`);
}

/**
 * Publishes what the method returns, inside the ambient transaction: one message for a value, one for each element of an
 * array, none for `undefined` and `null`. A method may have several: each publishes. Write it below `@Transactional()`, so that the transaction is open around it;
 * otherwise each call is refused with `TransactionRequiredError` before the method runs.
 *
 * ```ts
 * @Transactional()
 * @Publishes<Order>({ topic: 'order.placed', key: (order) => order.customerId })
 * async place(dto: PlaceOrder): Promise<Order> { ... }
 * ```
 */
export function Publishes<Result>(options: PublishesOptions<Result>) {
  if (!options.topic) throw new OutboxSetupError('@Publishes({ topic }) needs a topic.');
  // Generic: a descriptor of PublishingMethod itself would fit no method with a type of its own.
  return <Method extends PublishingMethod<Result>>(
    target: object,
    method: string | symbol,
    descriptor: TypedPropertyDescriptor<Method>,
  ): void => {
    const original = descriptor.value;
    const name = `@Publishes() on ${target.constructor.name}.${String(method)}()`;
    if (!original) throw new OutboxSetupError(`${name}: only a method can be decorated.`);
    // Injected, not looked up: two apps in one process have instances, and outboxes, of their own.
    const property = propertyOf(options.outbox);
    Inject(outboxToken(Outbox, options.outbox))(target, property);

    const publishing = async function (
      this: Partial<Record<symbol, Outbox>>,
      ...args: never[]
    ): Promise<Returned<Result>> {
      const outbox = this[property];
      if (!outbox) throw new OutboxSetupError(`${name} works in providers that Nest has made, not after \`new\`.`);
      outbox.requireAmbientTransaction(name);
      const returned = await original.apply(this, args);
      await outbox.publish(...resultsOf(returned).map((result) => toMessage(result, options)));
      return returned;
    };
    copyMetadata(original, publishing);
    descriptor.value = publishing as Method;
  };
}

function resultsOf<Result>(returned: Returned<Result>): readonly Result[] {
  if (returned === undefined || returned === null) return [];
  return Array.isArray(returned) ? (returned as readonly Result[]) : [returned as Result];
}

function toMessage<Result>(result: Result, options: PublishesOptions<Result>): OutboxMessage {
  const { topic, key, payload, headers, id, delayMs } = options;
  return {
    topic,
    key: key?.(result),
    payload: payload ? payload(result) : result,
    headers: headers?.(result),
    id: id?.(result),
    delayMs: delayMs?.(result),
  };
}

/** Other decorators keep what they know about a method on the function. */
function copyMetadata(from: object, to: object): void {
  for (const key of Reflect.getMetadataKeys(from) as string[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, from), to);
  }
}
