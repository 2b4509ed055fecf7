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
 * - `PublisherUnavailableError` says that the destination is away: it is paused, and no message is blamed.
 * - `NonRetryableError`, for a message in a `PublishError` or for all of the call, says that it will never be taken: it
 *   goes to the dead letters at once.
 * - An error with a `retryAfterMs` is tried again no sooner than that.
 * - Messages of one call have one namespace, and never the same key twice, unless the publisher is `ordered`.
 * - A message can come again after a crash: a consumer tells by its id.
 */
export interface Publisher {
  publish(messages: readonly OutgoingMessage[], context: PublishContext): Promise<void>;
  /** The most messages that a call gets. Default: 20. */
  readonly batchSize?: number;
  /**
   * The messages of a call arrive in its order, and after one that failed no later one of its key arrives. Then a call may
   * hold several messages of a key, in their order. Default: false.
   */
  readonly ordered?: boolean;
  /** Called once when the app shuts down, after the last call has ended. */
  close?(): Promise<void>;
}
