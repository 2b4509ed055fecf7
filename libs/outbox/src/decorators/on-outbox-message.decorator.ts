import type { EntityManager } from 'typeorm';
import { characters, MAX_TEXT_LENGTH } from '../core/encode-message.js';
import type { OutgoingMessage } from '../core/message.js';
import { OutboxSetupError } from '../outbox.errors.js';

export interface Subscription {
  readonly topic: string;
  readonly consumer: string;
  /** The name of the outbox whose messages these are; undefined: of the one without a name. */
  readonly outbox: string | undefined;
}

export interface OnOutboxMessageOptions {
  /** Names who has seen which messages: unique within the topic, and to be kept when the method is renamed. */
  readonly consumer: string;
  /** Of which outbox, where there are several. Default: the one without a name. */
  readonly outbox?: string;
}

/** What a handler gets beside the payload. */
export interface DeliveryContext {
  readonly message: OutgoingMessage;
  /** The transaction in which the delivery is recorded: what the handler writes with it happens exactly once. */
  readonly tx: EntityManager;
  /** Aborts when the delivery takes too long, and when the app stops. */
  readonly signal: AbortSignal;
}

export type OutboxHandler<Payload = unknown> = (payload: Payload, context: DeliveryContext) => Promise<void> | void;

const SUBSCRIPTIONS = Symbol('turnpike.subscriptions');

/**
 * Delivers the topic's messages to this method: `(payload, { message, tx, signal })`. When it throws, the message is tried
 * again later.
 *
 * `consumer` names who has seen which messages: unique within the topic, and to be kept when the method is renamed. What the
 * method writes with `tx`, or with `TransactionHost.tx`, commits together with the record that this consumer has seen the
 * message, so it happens exactly once.
 */
export function OnOutboxMessage(topic: string, { consumer, outbox }: OnOutboxMessageOptions) {
  if (!topic) throw new OutboxSetupError('@OnOutboxMessage(topic, { consumer }) needs a topic.');
  if (!consumer || characters(consumer) > MAX_TEXT_LENGTH) {
    throw new OutboxSetupError(
      `@OnOutboxMessage(${JSON.stringify(topic)}) needs a consumer of 1 to ${MAX_TEXT_LENGTH} characters.`,
    );
  }
  // Generic: a descriptor of OutboxHandler itself would fit no method with a type of its own.
  return <Handler extends OutboxHandler<never>>(
    _target: object,
    _method: string | symbol,
    descriptor: TypedPropertyDescriptor<Handler>,
  ): void => {
    const handler = descriptor.value as OutboxHandler<never>;
    Reflect.defineMetadata(SUBSCRIPTIONS, [...subscriptionsOf(handler), { topic, consumer, outbox }], handler);
  };
}

export function subscriptionsOf(handler: object): readonly Subscription[] {
  return (Reflect.getMetadata(SUBSCRIPTIONS, handler) as Subscription[] | undefined) ?? [];
}
