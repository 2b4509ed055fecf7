import { type DataSource } from 'typeorm';
import { checkDuration, checkInteger, checkOption, exponential, SystemClock } from 'nestjs-turnpike/timing';
import { type Clock, type RetryPolicy } from 'nestjs-turnpike/timing';
import { type BatchStore } from './core/batch-store.js';
import { appending } from './core/buffer/appending.js';
import { type Buffer } from './core/buffer/buffer.js';
import { type Codec } from './core/codec/codec.js';
import { json } from './core/codec/json.js';
import { type FlushLimits } from './core/intake/flush-limits.js';
import { type QueueObserver } from './core/observer.js';

export interface FileOptions {
  /** Made when it does not exist; its folder must. */
  readonly path: string;
  /** True: a stored item survives a power failure (SQLite `synchronous=FULL`). False (default): a crash of the process. */
  readonly durable?: boolean;
}

/** What `onProcessError` is told beside the error. Never the items: they may hold what must not be logged. */
export interface ProcessFailure {
  readonly queue: string;
  /** From 1, of this run of the retry policy. */
  readonly attempt: number;
  readonly items: number;
}

/** How a queue works, wherever it keeps its batches. */
export interface QueueBehaviour<Item> extends FlushLimits {
  /** How many calls of `process` may run at a time. 1 by default. */
  readonly workers: number;
  /** How many batches one call takes at most. 1 by default. */
  readonly batches: number;
  /** Default: `appending()`. */
  readonly buffer: Buffer<Item>;
  /** Default: `json()`. */
  readonly codec: Codec<Item>;
  /** When `process` fails. Default: `exponential(0, 1000, 3_600_000)`, which never gives up. */
  readonly retryPolicy: RetryPolicy;
  /**
   * When the attempts are used up. `return` (default): the batches go back and are claimed again after the policy's
   * cooldown. `deadLetter`: halves of the items are tried, and halves of those that fail, until the items that fail
   * alone are known; these become dead letters, and the rest counts as processed. Takes a policy that ends.
   */
  readonly onExhausted: 'return' | 'deadLetter';
  /** Items in memory that are not stored yet; `push` waits for room. Default: 10,000, or twice `flushSize` if that is more. */
  readonly capacity: number;
  /** How long a claim lasts without renewal: until others take over what a dead process held. 30,000 by default. */
  readonly claimMs: number;
  /** How often idle workers look for what other processes stored. 1000 by default. */
  readonly pollIntervalMs: number;
  /** An attempt of `process` failed; it is retried. Default: `process.emitWarning`. */
  readonly onProcessError: (error: unknown, failure: ProcessFailure) => void;
  /** Anything else failed; it is retried with backoff. Default: `process.emitWarning`. */
  readonly onInternalError: (error: Error) => void;
  readonly observer: QueueObserver | undefined;
  readonly clock: Clock;
}

/** Where a queue keeps its batches: one of these, or in memory when there is none. */
export interface QueueStorage {
  /** A SQLite file of its own. Needs better-sqlite3. */
  readonly file?: FileOptions | undefined;
  /** Postgres, MySQL, MariaDB or SQLite, with the tables of `queueMigrations`. */
  readonly dataSource?: DataSource | undefined;
  /** What the tables' names begin with on a DataSource: `turnpike_` by default. */
  readonly tablePrefix?: string;
  /** A store of your own, or the one of a test. */
  readonly store?: BatchStore;
}

export type QueueOptions<Item> = { readonly name: string } & QueueStorage & Partial<QueueBehaviour<Item>>;

export type ResolvedQueueOptions<Item> = Readonly<{ name: string } & QueueStorage & QueueBehaviour<Item>>;

/** Fills in the defaults and checks every value: throws a `RangeError` that names the option. */
export function resolveQueueOptions<Item>(options: QueueOptions<Item>): ResolvedQueueOptions<Item> {
  const flushSize = options.flushSize ?? 1;
  const resolved: ResolvedQueueOptions<Item> = {
    flushPushes: 0,
    flushTimeoutMs: 0,
    workers: 1,
    batches: 1,
    buffer: appending(),
    codec: json(),
    retryPolicy: exponential(0, 1000, 3_600_000),
    capacity: Math.max(10_000, 2 * flushSize),
    onExhausted: 'return',
    claimMs: 30_000,
    pollIntervalMs: 1000,
    onProcessError: (error, { queue, attempt }) => warn(`The queue "${queue}" failed at attempt ${attempt}`, error),
    onInternalError: (error) => warn(`The queue "${options.name}"`, error),
    observer: undefined,
    clock: new SystemClock(),
    ...given(options),
    flushSize,
  };
  check(resolved);
  const { onProcessError, onInternalError } = resolved;
  return Object.freeze({
    ...resolved,
    onProcessError: guarded(options.name, onProcessError),
    onInternalError: guarded(options.name, onInternalError),
  });
}

function check<Item>(options: ResolvedQueueOptions<Item>): void {
  const { name, flushSize, capacity, file, dataSource, store } = options;
  checkOption('name', name, name !== '' && name.length <= 100, 'have 1 to 100 characters');
  checkInteger('flushSize', flushSize, 0);
  checkInteger('flushPushes', options.flushPushes, 0);
  checkDuration('flushTimeoutMs', options.flushTimeoutMs);
  checkInteger('workers', options.workers, 1);
  checkInteger('batches', options.batches, 1);
  checkInteger('capacity', capacity, 1);
  checkOption('flushSize', flushSize, flushSize <= capacity, `be at most capacity (${capacity})`);
  const ends = options.retryPolicy.delayFor(Number.MAX_SAFE_INTEGER) === undefined;
  const mayDie = options.onExhausted === 'return' || ends;
  checkOption('onExhausted', options.onExhausted, mayDie, 'be "return" with a retry policy whose attempts never end');
  checkDuration('claimMs', options.claimMs, 10);
  checkDuration('pollIntervalMs', options.pollIntervalMs, 10);
  if (file) checkOption('file.path', file.path, file.path !== '' && !file.path.includes('?'), 'be a path without "?"');
  const stores = [file, dataSource, store].filter((given) => given !== undefined).length;
  checkOption('file, dataSource and store', `${stores} of them`, stores <= 1, 'be at most one');
}

/** Options that are spelled out as undefined take their default too. */
function given<Options extends object>(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options;
}

/** A callback that throws must not end the worker or the commits that report to it. */
function guarded<Args extends unknown[]>(queue: string, callback: (...args: Args) => void): (...args: Args) => void {
  return (...args) => {
    try {
      callback(...args);
    } catch (error) {
      warn(`A callback of the queue "${queue}" threw`, error);
    }
  };
}

function warn(what: string, error: unknown): void {
  process.emitWarning(`${what}: ${error instanceof Error ? error.message : String(error)}`, 'TurnpikeQueueWarning');
}
