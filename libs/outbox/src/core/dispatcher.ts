import type { Clock } from 'nestjs-turnpike/timing';
import { PublishError } from '../outbox.errors.js';
import { decodeEntry } from './encode-message.js';
import type { OutgoingMessage, ParkedEntry } from './message.js';
import type { Publisher } from './publisher.js';

/** What became of an entry: it arrived, it failed, or it was left because this process may no longer send it. */
export type Outcome =
  { readonly kind: 'sent' } | { readonly kind: 'failed'; readonly error: Error } | { readonly kind: 'withheld' };

export interface DispatcherOptions {
  readonly publisher: Publisher;
  readonly clock: Clock;
  /** The most entries in calls that have not ended. */
  readonly maxInFlight: number;
  readonly publishTimeoutMs: number;
  /** Asked right before a call begins: false when the entry's shard is no longer this process's. */
  readonly mayBegin: (entry: ParkedEntry) => boolean;
}

interface Waiting {
  readonly entry: ParkedEntry;
  readonly message: OutgoingMessage;
  readonly resolve: (outcome: Outcome) => void;
}

const DEFAULT_BATCH_SIZE = 20;
/** How long a call may ignore its aborted signal before it is given up as lost. */
const GRACE_MS = 1000;

/**
 * Gathers entries that are ready into calls of the publisher: a call goes out as soon as one may, with whatever is
 * ready by then. Order is the caller's: `send` the next entry of a key when the former one is through.
 */
export class Dispatcher {
  private readonly ready: Waiting[] = [];
  private readonly batchSize: number;
  private inFlightCount = 0;
  private scheduled = false;

  constructor(private readonly options: DispatcherOptions) {
    this.batchSize = options.publisher.batchSize ?? DEFAULT_BATCH_SIZE;
  }

  get inFlight(): number {
    return this.inFlightCount;
  }

  /** `stop` aborts the call's signal early. The answer never rejects. */
  send(entry: ParkedEntry, stop: AbortSignal): Promise<Outcome> {
    return new Promise((resolve) => {
      try {
        this.ready.push({ entry, message: decodeEntry(entry, entry.attempts + 1), resolve });
      } catch (error) {
        return resolve({ kind: 'failed', error: asError(error) }); // its bytes are damaged: not its neighbours' failure
      }
      this.schedule(stop);
    });
  }

  /** Later in this turn, so that all who send in it share a call. */
  private schedule(stop: AbortSignal): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      for (let batch = this.next(); batch.length > 0; batch = this.next()) {
        void this.call(batch, stop).then(() => this.schedule(stop));
      }
    });
  }

  /** The next call's entries, all of one namespace; empty when nothing is ready or nothing more may be in flight. */
  private next(): Waiting[] {
    const batch: Waiting[] = [];
    const room = Math.min(this.batchSize, this.options.maxInFlight - this.inFlightCount);
    while (batch.length < room) {
      const [first] = this.ready;
      if (!first || (batch[0] && batch[0].entry.namespace !== first.entry.namespace)) break;
      this.ready.shift();
      if (this.options.mayBegin(first.entry)) batch.push(first);
      else first.resolve({ kind: 'withheld' });
    }
    return batch;
  }

  private async call(batch: readonly Waiting[], stop: AbortSignal): Promise<void> {
    this.inFlightCount += batch.length;
    const errors = await this.publish(batch, stop);
    this.inFlightCount -= batch.length;
    for (const [index, { resolve }] of batch.entries()) {
      const error = errors[index];
      if (!error) resolve({ kind: 'sent' });
      // What a stop cut short has not failed: it stays where it is, and whoever is next sends it.
      else resolve(stop.aborted ? { kind: 'withheld' } : { kind: 'failed', error });
    }
  }

  private async publish(batch: readonly Waiting[], stop: AbortSignal): Promise<readonly (Error | undefined)[]> {
    const { publisher, clock, publishTimeoutMs } = this.options;
    using timeout = clock.deadline(clock.now() + publishTimeoutMs);
    const signal = AbortSignal.any([timeout, stop]);
    const done = new AbortController();
    const failed = (error: unknown): (Error | undefined)[] => batch.map(() => asError(error));
    try {
      const messages = batch.map(({ message }) => message);
      const namespace = batch[0]?.entry.namespace ?? '';
      const call = publisher.publish(messages, { namespace, signal });
      await Promise.race([call, givenUp(clock, signal, done.signal)]);
      return [];
    } catch (error) {
      if (!(error instanceof PublishError)) return failed(error);
      if (error.errors.length === batch.length) return error.errors;
      return failed(
        new Error(
          `The publisher threw a PublishError with ${error.errors.length} results for ${batch.length} messages.`,
        ),
      );
    } finally {
      done.abort();
    }
  }
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

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(`Not an Error was thrown: ${String(error)}`);
}
