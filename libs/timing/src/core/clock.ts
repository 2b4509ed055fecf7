/** Where time comes from. Everything that waits or compares times takes one, so that a test can advance it by hand. */
export interface Clock {
  /** Wall-clock time in ms since the epoch. It can jump: never measure a duration with it. */
  now(): number;
  /** A count of ms that never goes back, with an arbitrary zero: for durations within one process. */
  monotonic(): number;
  /** Resolves after `ms` (0 and less: in the next turn). Rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * A signal that aborts with a `TimeoutError` when `now()` has reached `atMs`. Dispose it when the work is done:
   * its timer ends with it. `using signal = clock.deadline(at)` does so by itself.
   */
  deadline(atMs: number): AbortSignal & Disposable;
}

/** The longest delay that setTimeout keeps: a longer one fires at once. */
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
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const cancel = after(ms, () => {
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

  deadline(atMs: number): AbortSignal & Disposable {
    const controller = new AbortController();
    const cancel = after(atMs - this.now(), () => controller.abort(deadlineReached(atMs)));
    return disposable(controller.signal, cancel);
  }
}

/** setTimeout for any duration, also beyond its limit of 24.8 days; returns how to cancel it. */
function after(ms: number, run: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = (left: number): void => {
    timer = setTimeout(() => (left > MAX_TIMER_MS ? wait(left - MAX_TIMER_MS) : run()), Math.min(left, MAX_TIMER_MS));
  };
  wait(Math.max(0, ms));
  return () => clearTimeout(timer);
}

export function deadlineReached(atMs: number): DOMException {
  return new DOMException(`The deadline at ${new Date(atMs).toISOString()} has passed.`, 'TimeoutError');
}

export function disposable(signal: AbortSignal, dispose: () => void): AbortSignal & Disposable {
  return Object.assign(signal, { [Symbol.dispose]: dispose });
}
