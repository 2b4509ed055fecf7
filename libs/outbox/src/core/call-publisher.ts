import { setMaxListeners } from 'node:events';
import type { Clock } from 'nestjs-turnpike/timing';
import { PublishError } from '../outbox.errors.js';
import type { OutgoingMessage } from './message.js';
import type { Publisher } from './publisher.js';

/** How long a call may ignore its aborted signal before it is given up as lost. */
const GRACE_MS = 1000;

/** Calls the publisher, and gives an error for each message that was not sent. Never rejects, and always ends. */
export async function callPublisher(
  messages: readonly OutgoingMessage[],
  namespace: string,
  options: { readonly publisher: Publisher; readonly clock: Clock; readonly publishTimeoutMs: number },
  stop: AbortSignal,
): Promise<readonly (Error | undefined)[]> {
  const { publisher, clock, publishTimeoutMs } = options;
  using ending = abortedWith([clock.deadline(clock.now() + publishTimeoutMs), stop]);
  const { signal } = ending;
  const done = new AbortController();
  const failed = (error: Error): Error[] => messages.map(() => error);
  try {
    await Promise.race([publisher.publish(messages, { namespace, signal }), givenUp(clock, signal, done.signal)]);
    return [];
  } catch (error) {
    if (!(error instanceof PublishError)) return failed(asError(error));
    if (error.errors.length === messages.length)
      return error.errors.map((one) => (one === undefined ? undefined : asError(one)));
    return failed(
      new Error(
        `The publisher threw a PublishError with ${error.errors.length} results for ${messages.length} messages.`,
        { cause: error },
      ),
    );
  } finally {
    done.abort();
  }
}

/**
 * A signal that aborts with the first of these; disposing it lets go of them. `AbortSignal.any()` would do, but keeps what it
 * gives, and whatever listens to it, for as long as one of its signals lives: 3 KB for each call of a relay's life.
 */
function abortedWith(signals: readonly [timeout: AbortSignal & Disposable, stop: AbortSignal]) {
  const controller = new AbortController();
  const end = (): void => controller.abort(signals.find(({ aborted }) => aborted)?.reason);
  if (signals.some(({ aborted }) => aborted)) end();
  // As many as there are calls; more than ten would be warned of.
  for (const signal of signals) {
    setMaxListeners(0, signal);
    signal.addEventListener('abort', end, { once: true });
  }
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const signal of signals) signal.removeEventListener('abort', end);
      signals[0][Symbol.dispose]();
    },
  };
}

/** Rejects when a call has not ended some time after its signal aborted; never settles while the call is in time. */
function givenUp(clock: Clock, signal: AbortSignal, done: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const giveUp = (): void => {
      clock.sleep(GRACE_MS, done).then(
        () => reject(new Error('The publisher did not end its call in time.', { cause: signal.reason })),
        () => undefined, // the call ended within the grace
      );
    };
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
}

/** Publishers throw anything. */
export function asError(error: unknown): Error {
  if (error instanceof Error && typeof error.message === 'string') return error;
  return new Error(`Not an Error was thrown: ${asText(error)}`, { cause: error });
}

function asText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `a value of type ${typeof value}`; // an object without a prototype
  }
}
