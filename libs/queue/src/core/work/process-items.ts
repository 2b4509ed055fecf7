import { type Clock, type RetryPolicy } from 'nestjs-turnpike/timing';
import { type Buffer } from '../buffer/buffer.js';
import { type QueueObserver } from '../observer.js';
import { isolate, type Isolated } from './isolate.js';

/** Calls the user's `process`. */
export type CallProcess<Item> = (items: Iterable<Item>, attempt: number, signal: AbortSignal) => Promise<void>;

export interface ProcessingOptions<Item> {
  readonly process: CallProcess<Item>;
  readonly retryPolicy: RetryPolicy;
  readonly onExhausted: 'return' | 'deadLetter';
  readonly clock: Clock;
  readonly observer: QueueObserver | undefined;
  readonly onProcessError: (error: unknown, attempt: number, items: number) => void;
}

/**
 * What became of the items of a claim. `returned`: they failed and go back, or were interrupted by `close` or a lost
 * claim, and then without a cooldown. `isolated`: all but these were processed.
 */
export type Outcome<Item> =
  | { readonly kind: 'processed' }
  | { readonly kind: 'returned'; readonly cooldownMs: number }
  | ({ readonly kind: 'isolated' } & Isolated<Item>);

/** Attempts to process the items, together and as often as the policy says, and then by halves if the queue has dead letters. */
export async function processItems<Item>(
  items: Buffer<Item>,
  signal: AbortSignal,
  options: ProcessingOptions<Item>,
): Promise<Outcome<Item>> {
  const policy = options.retryPolicy.derive({ clock: options.clock });
  let attempts = 0;
  let failure: unknown;
  while (await policy.attempt(signal)) {
    attempts++;
    try {
      await attemptOnce(items, items.size, attempts, signal, options);
      return { kind: 'processed' };
    } catch (error) {
      failure = error;
    }
  }
  if (signal.aborted) return { kind: 'returned', cooldownMs: 0 };
  if (options.onExhausted === 'return') return { kind: 'returned', cooldownMs: policy.cooldownMs };
  const isolated = await isolate(
    { items: [...items], error: failure, attempts },
    (half, attempt) => attemptOnce(half, half.length, attempt, signal, options),
    () => !signal.aborted,
  );
  return { kind: 'isolated', ...isolated };
}

async function attemptOnce<Item>(
  items: Iterable<Item>,
  size: number,
  attempt: number,
  signal: AbortSignal,
  { process, clock, observer, onProcessError }: ProcessingOptions<Item>,
): Promise<void> {
  const startedAtMs = clock.monotonic();
  try {
    await process(items, attempt, signal);
    observer?.processed(size, clock.monotonic() - startedAtMs);
  } catch (error) {
    observer?.processFailed(clock.monotonic() - startedAtMs);
    onProcessError(error, attempt, size);
    throw error;
  }
}
