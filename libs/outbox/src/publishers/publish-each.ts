import type { OutgoingMessage } from '../core/message.js';
import { PublishError, PublisherUnavailableError } from '../outbox.errors.js';

/** The call was given up before the broker had answered for this message: it may have arrived. */
export const UNANSWERED = 'There was no answer before the call was given up.';

export interface Sending {
  /** Rejects with why the message was not sent. */
  readonly send: (message: OutgoingMessage) => Promise<void>;
  readonly unanswered?: () => Error;
}

/**
 * Sends all messages of a call side by side, and waits until each has succeeded or failed, or the signal aborts. What has no
 * answer by then fails with what `unanswered` says; by default it is an error like any other.
 */
export function sendEach(
  messages: readonly OutgoingMessage[],
  signal: AbortSignal,
  { send, unanswered = () => new Error(UNANSWERED) }: Sending,
): Promise<(Error | undefined)[]> {
  return new Promise((resolve) => {
    const outcomes: (Error | 'sent' | undefined)[] = messages.map(() => undefined);
    let open = messages.length;
    const end = (): void => {
      signal.removeEventListener('abort', end);
      resolve(outcomes.map((outcome) => (outcome === 'sent' ? undefined : (outcome ?? unanswered()))));
    };
    const settle = (index: number, outcome: Error | 'sent'): void => {
      outcomes[index] = outcome;
      open -= 1;
      if (open === 0) end();
    };
    if (signal.aborted || open === 0) return end();
    signal.addEventListener('abort', end);
    for (const [index, message] of messages.entries()) {
      send(message).then(
        () => settle(index, 'sent'),
        (error: unknown) => settle(index, asError(error)),
      );
    }
  });
}

/**
 * Ends a call as the port says: returns when all were sent, throws `PublisherUnavailableError` when none was and each for that
 * reason, and otherwise a `PublishError` that says of each message what became of it.
 */
export function endCall(errors: readonly (Error | undefined)[]): void {
  const failed = errors.filter((error) => error !== undefined);
  if (failed.length === 0) return;
  const away = failed.filter((error) => error instanceof PublisherUnavailableError);
  if (away[0] && away.length === errors.length) throw away[0];
  throw new PublishError(errors);
}

/** Waits for `work` at most until the signal aborts; then rejects with `late`, and `work` goes on unseen. */
export function within<R>(signal: AbortSignal, work: Promise<R>, late: () => Error = notConnected): Promise<R> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(late());
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function notConnected(): Error {
  return new PublisherUnavailableError('There was no connection before the call was given up.');
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
