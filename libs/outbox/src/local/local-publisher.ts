import { asError } from '../core/call-publisher.js';
import type { OutgoingMessage } from '../core/message.js';
import type { PublishContext, Publisher } from '../core/publisher.js';
import type { Inbox } from '../inbox.js';
import { NoHandlerError, PublishError } from '../outbox.errors.js';
import type { Tracing } from '../tracing.js';
import type { LocalHandlers } from './local-handlers.js';

/**
 * Delivers to the `@OnOutboxMessage` methods of this process, each behind the inbox: one that has succeeded is not called
 * again when its sibling failed and the message is repeated.
 */
export class LocalPublisher implements Publisher {
  /** The messages of a call are handled one after the other: a call takes one connection of the pool. */
  readonly batchSize = 20;

  constructor(
    private readonly handlers: LocalHandlers,
    private readonly inbox: Inbox,
    private readonly tracing: Tracing,
  ) {}

  async publish(messages: readonly OutgoingMessage[], { signal }: PublishContext): Promise<void> {
    const errors: (Error | undefined)[] = [];
    for (const message of messages) {
      const deliver = (): Promise<Error | undefined> => this.deliver(message, signal);
      errors.push(
        signal.aborted
          ? asError(signal.reason)
          : await this.tracing.deliver(`process ${message.topic}`, [message], deliver),
      );
    }
    if (errors.some((error) => error !== undefined)) throw new PublishError(errors);
  }

  private async deliver(message: OutgoingMessage, signal: AbortSignal): Promise<Error | undefined> {
    const handlers = this.handlers.of(message.topic);
    if (handlers.length === 0) return new NoHandlerError(message.topic);
    let failure: Error | undefined;
    for (const { consumer, handle } of handlers) {
      try {
        await this.inbox.process(consumer, message.id, async (tx) => handle(message.payload, { message, tx, signal }));
      } catch (error) {
        failure ??= asError(error);
      }
    }
    return failure;
  }
}
