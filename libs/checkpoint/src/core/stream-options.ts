import {
  type Clock,
  checkDuration,
  checkInteger,
  checkOption,
  exponential,
  type RetryPolicy,
  SystemClock,
} from 'nestjs-turnpike/timing';
import { type Compare } from './capped-checkpointer.js';
import { type CommitterOptions } from './committer.js';

/** How a stream commits; every option has a default. */
export interface CommitPolicy {
  /** How much may be unresolved, in the unit of the sizes, before `track` waits: a whole number of at least 1. Default: 1000. */
  readonly capacity?: number;
  /** Commit at once after as many resolutions: a whole number of at least 1. Default: 100. */
  readonly commitEvery?: number;
  /** Commit a safe position after this time at the latest. Default: 1000 ms. */
  readonly commitIntervalMs?: number;
}

export interface StreamOptions<Position> extends CommitPolicy {
  /** Which of the stream's independent sequences, each with a checkpoint of its own. At most 255 characters; '' by default. */
  readonly partition?: string;
  /** Below 0 when `a` comes before `b`. Numbers need none, anything else does. */
  readonly compare?: Compare<Position>;
}

/** What a stream needs of its surroundings. */
export interface StreamEnvironment {
  readonly clock?: Clock;
  /** Says when a failed save is tried again. It must go on without end. Default: `exponential(0, 100, 30_000)`. */
  readonly retryPolicy?: RetryPolicy;
}

export type CommitOptions = CommitterOptions & Required<CommitPolicy>;

/** Fills in the defaults and freezes them. Throws a RangeError that names the option. */
export function resolveCommitOptions(options: CommitPolicy & StreamEnvironment = {}): CommitOptions {
  const { capacity = 1000, commitEvery = 100, commitIntervalMs = 1000 } = options;
  const { clock = new SystemClock(), retryPolicy = exponential(0, 100, 30_000) } = options;
  checkInteger('capacity', capacity, 1);
  checkInteger('commitEvery', commitEvery, 1);
  checkDuration('commitIntervalMs', commitIntervalMs);
  const endless = retryPolicy.delayFor(Number.MAX_SAFE_INTEGER) !== undefined;
  checkOption('retryPolicy', 'a policy with an end', endless, 'go on without end (attempts: 0)');
  return Object.freeze({ capacity, commitEvery, commitIntervalMs, clock, retryPolicy });
}

const MAX_NAME = 255;

/** A stream's or partition's name, as every database can store it. */
export function checkName(option: 'stream' | 'partition', name: string, min: number): void {
  const storable = name.length >= min && name.length <= MAX_NAME && name.isWellFormed() && !name.includes('\0');
  checkOption(option, name, storable, `be ${min} to ${MAX_NAME} characters of storable text`);
}
