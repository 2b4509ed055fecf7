import type { Checkpoints } from 'nestjs-turnpike/checkpoint';

/** A message as it came back from the broker. */
export interface Arrival {
  /** What the publisher gave as the message's id. */
  readonly id: string;
  readonly key: string;
  readonly body: string;
  /** It has been handled, and need not come again. Whichever is handled first may say so first. */
  settled(): void;
}

/** A connection to a broker. */
export interface Source extends AsyncDisposable {
  /**
   * What was published and is not settled, those of a key in the order of their first publication. It comes at least once:
   * after a crash or a lost connection from the first one on that is not settled. Ends when the signal aborts; rejects
   * when the connection is lost.
   */
  arrivals(signal: AbortSignal): AsyncIterable<Arrival>;
}

export interface OpenSourceOptions {
  readonly url: string;
  readonly topic: string;
  /** Keeps how far all is settled, for a broker that does not. */
  readonly checkpoints: Checkpoints;
}

/** Connects, and makes the queue or stream where it is missing. Rejects with the client's error. */
export type OpenSource = (options: OpenSourceOptions) => Promise<Source>;

/** How much may be on its way at a time, of all keys: more than one key's trouble should ever pile up. */
export const MOST_ON_THE_WAY = 1000;
