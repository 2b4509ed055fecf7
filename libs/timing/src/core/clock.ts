import { checkOption } from './check-option.js';

/** Where time comes from. Everything that waits or compares times takes one, so that a test can advance it by hand. */
export interface Clock {
  /** Wall-clock time in ms since the epoch. It can jump: never measure a duration with it. */
  now(): number;
  /** A count of ms that never goes back, with an arbitrary zero: for durations within one process. */
  monotonic(): number;
  /**
   * Resolves when `ms` have passed on `monotonic` (0 and less: in the next turn). Rejects with the signal's reason as
   * soon as it aborts. NaN: RangeError.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * A signal that aborts with a `TimeoutError` when `now()` has reached `atMs`. Dispose it when the work is done:
   * its timer ends with it. `using signal = clock.deadline(at)` does so by itself. NaN: RangeError.
   */
  deadline(atMs: number): AbortSignal & Disposable;
}

/** The longest delay that setTimeout keeps. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The machine's clock. */
export class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const endMs = this.monotonic() + ms;
    return cancellable((wake) => runWhen(() => endMs - this.monotonic(), wake), signal);
  }

  deadline(atMs: number): AbortSignal & Disposable {
    return abortedBy((abort) => runWhen(() => atMs - this.now(), abort), atMs);
  }
}

/**
 * A promise that a timer resolves, or the signal rejects; whichever comes first takes the other one away.
 * `schedule` starts the timer and returns how to cancel it.
 */
export function cancellable(schedule: (wake: () => void) => () => void, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const cancel = schedule(() => {
      signal?.removeEventListener('abort', aborted);
      resolve();
    });
    const aborted = (): void => {
      cancel();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

/** A signal that a timer aborts, and that takes its timer away when it is disposed. */
export function abortedBy(schedule: (abort: () => void) => () => void, atMs: number): AbortSignal & Disposable {
  const controller = new AbortController();
  const cancel = schedule(() => {
    controller.abort(new DOMException(`The deadline has passed: ${atMs} ms since the epoch.`, 'TimeoutError'));
  });
  return Object.assign(controller.signal, { [Symbol.dispose]: cancel });
}

/** NaN compares with nothing: a timer with it would fire at once on one clock and never on another. */
export function checkTime(ms: number): void {
  checkOption('ms', ms, !Number.isNaN(ms), 'be a number');
}

/**
 * Runs when no time is left, and not a moment sooner: a timer may fire up to 1 ms early, and it fires at once for a
 * longer time than its limit of 24.8 days. Returns how to cancel it.
 */
function runWhen(leftMs: () => number, run: () => void): () => void {
  checkTime(leftMs());
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    const delayMs = Math.min(Math.max(0, Math.ceil(leftMs())), MAX_TIMER_MS);
    timer = setTimeout(() => (leftMs() > 0 ? wait() : run()), delayMs);
  };
  wait();
  return () => clearTimeout(timer);
}
