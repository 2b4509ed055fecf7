import type { OutgoingMessage } from './message.js';

export interface PublishContext {
  readonly namespace: string;
  /** Aborts when the call takes longer than `publishTimeoutMs`, and when the relay stops. */
  readonly signal: AbortSignal;
}

/**
 * Where messages go. `publish` resolves when all of them have arrived for good: they are then deleted.
 *
 * - Rejecting with a `PublishError` says of each message whether it arrived; any other error says that none did. What
 *   failed is tried again later, what arrived is not.
 * - Messages of one call have one namespace, and never the same key twice.
 * - A message can come again after a crash: a consumer tells by its id.
 */
export interface Publisher {
  publish(messages: readonly OutgoingMessage[], context: PublishContext): Promise<void>;
  /** The most messages that a call gets. Default: 20. */
  readonly batchSize?: number;
}
