import { checkDuration, checkInteger, checkOption, SystemClock, type Clock } from 'nestjs-turnpike/timing';
import type { IllegalSequencePoint } from '../barrier.errors.js';

/** A number, or where it is read from at every use: a changed setting holds from the next call on. */
export type Setting = number | (() => number);

export interface BarrierOptions<Key, JobId> {
  /** How many jobs of a key are admitted at a time after its failed job was aborted. Default 0: no limit. */
  concurrencyLimit?: Setting;
  /** A key with this many jobs inside loses its order. Default 0: never. */
  keyThreshold?: Setting;
  /** How long a key that reached the threshold has no order. Default 10 minutes. */
  disabledForMs?: Setting;
  /** How long a key that is ordered again is forgiven illegal sequences. Default 5 minutes. */
  halfEnabledForMs?: Setting;
  /** Keys that have no order at all, asked at every use. */
  orderingDisabled?: (key: Key) => boolean;
  /** Names this barrier in `toString()` and in errors. */
  metadata?: Readonly<Record<string, string>>;
  /** What an illegal sequence does besides calling `onIllegal`. Default `report`: nothing more. */
  onIllegalSequence?: 'report' | 'throw';
  /** Called with each illegal sequence, before anything is changed. */
  onIllegal?: (at: IllegalSequencePoint, key: Key, jobId: JobId, failedJobId: JobId) => void;
  /** Called when a key becomes held, and with `undefined` when it no longer is. It must not throw. */
  onHoldChanged?: (key: Key, failedJobId: JobId | undefined) => void;
  /** What else to say about a key in an {@link IllegalJobSequenceError}. */
  debugInfo?: (key: Key) => string;
  clock?: Clock;
}

export interface ResolvedBarrierOptions<Key, JobId> extends Readonly<BarrierOptions<Key, JobId>> {
  readonly concurrencyLimit: () => number;
  readonly keyThreshold: () => number;
  readonly disabledForMs: () => number;
  readonly halfEnabledForMs: () => number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly onIllegalSequence: 'report' | 'throw';
  readonly clock: Clock;
}

/** Throws a RangeError that names a bad option; a setting that is a function is checked whenever it is read. */
export function resolveBarrierOptions<Key, JobId>(
  options: BarrierOptions<Key, JobId>,
): ResolvedBarrierOptions<Key, JobId> {
  const { onIllegalSequence = 'report' } = options;
  checkOption(
    'onIllegalSequence',
    onIllegalSequence,
    onIllegalSequence === 'report' || onIllegalSequence === 'throw',
    `be 'report' or 'throw'`,
  );
  return Object.freeze({
    ...options,
    concurrencyLimit: setting('concurrencyLimit', options.concurrencyLimit ?? 0, checkCount),
    keyThreshold: setting('keyThreshold', options.keyThreshold ?? 0, checkCount),
    disabledForMs: setting('disabledForMs', options.disabledForMs ?? 600_000, checkDuration),
    halfEnabledForMs: setting('halfEnabledForMs', options.halfEnabledForMs ?? 300_000, checkDuration),
    metadata: Object.freeze({ ...options.metadata }),
    onIllegalSequence,
    clock: options.clock ?? new SystemClock(),
  });
}

function setting(name: string, value: Setting, check: (name: string, value: number) => void): () => number {
  if (typeof value === 'number') {
    check(name, value);
    return () => value;
  }
  return () => {
    const read = value();
    check(name, read);
    return read;
  };
}

function checkCount(name: string, value: number): void {
  checkInteger(name, value, 0);
}
