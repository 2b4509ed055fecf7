import { deadlineReached, disposable, type Clock } from '../core/clock.js';

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/** A clock that stands still until `advance` moves it: tests of timed behaviour neither sleep nor guess. */
export class ManualClock implements Clock {
  private readonly timers = new Set<Timer>();
  private elapsedMs = 0;

  constructor(private readonly startMs = 0) {}

  now(): number {
    return this.startMs + this.elapsedMs;
  }

  monotonic(): number {
    return this.elapsedMs;
  }

  /** How many sleeps and deadlines are waiting: a test of clean-up expects 0. */
  get waiting(): number {
    return this.timers.size;
  }

  /** Moves time on, timer by timer in order of their due times, and lets what each one wakes run until it waits again. */
  async advance(ms: number): Promise<void> {
    const end = this.elapsedMs + ms;
    await settle();
    for (let timer = this.next(end); timer; timer = this.next(end)) {
      this.timers.delete(timer);
      this.elapsedMs = Math.max(this.elapsedMs, timer.atMs);
      timer.run();
      await settle();
    }
    this.elapsedMs = end;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const cancel = this.at(this.elapsedMs + Math.max(0, ms), () => {
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
    const cancel = this.at(Math.max(this.elapsedMs, atMs - this.startMs), () => controller.abort(deadlineReached(atMs)));
    return disposable(controller.signal, cancel);
  }

  private at(atMs: number, run: () => void): () => void {
    const timer = { atMs, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  private next(endMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.timers) if (timer.atMs <= endMs && (!next || timer.atMs < next.atMs)) next = timer;
    return next;
  }
}

/** A turn of the event loop: every promise chain that can go on without time or I/O has gone on by its end. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
