import type { OutgoingMessage } from '../core/message.js';
import type { Publisher } from '../core/publisher.js';
import { PublishError } from '../outbox.errors.js';

type Decide = (message: OutgoingMessage) => Error | undefined | Promise<Error | undefined>;

/** Keeps what it is given, and fails as it is told. */
export class RecordingPublisher implements Publisher {
  /** What arrived, in order. */
  readonly messages: OutgoingMessage[] = [];
  /** Every attempt, those that failed too. */
  readonly attempts: OutgoingMessage[] = [];
  readonly batchSize: number;
  private readonly watching = new Set<() => void>();

  /** `decide` gives the error with which a message fails; undefined lets it arrive. */
  constructor(
    private readonly decide: Decide = () => undefined,
    { batchSize = 20 }: { readonly batchSize?: number } = {},
  ) {
    this.batchSize = batchSize;
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    const errors: (Error | undefined)[] = [];
    for (const message of messages) {
      this.attempts.push(message);
      const error = await this.decide(message);
      if (!error) this.messages.push(message);
      errors.push(error);
    }
    for (const check of this.watching) check();
    if (errors.some((error) => error !== undefined)) throw new PublishError(errors);
  }

  /** The payloads that arrived, of one key or of all. */
  payloads(key?: string): unknown[] {
    return this.messages.filter((message) => key === undefined || message.key === key).map(({ payload }) => payload);
  }

  /** Resolves when `count` messages have arrived; rejects with the signal's reason. */
  async arrived(count: number, signal: AbortSignal = AbortSignal.timeout(10_000)): Promise<void> {
    await this.until(() => this.messages.length >= count, signal);
  }

  /** Resolves when `count` attempts were made. */
  async attempted(count: number, signal: AbortSignal = AbortSignal.timeout(10_000)): Promise<void> {
    await this.until(() => this.attempts.length >= count, signal);
  }

  private until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => (): void => {
        this.watching.delete(check);
        settle();
      };
      const check = (): void => {
        if (holds()) end(resolve)();
      };
      this.watching.add(check);
      signal.addEventListener(
        'abort',
        end(() => reject(signal.reason)),
        { once: true },
      );
      check();
    });
  }
}
