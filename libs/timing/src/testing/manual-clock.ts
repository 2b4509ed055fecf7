import { checkDuration } from '../core/check-option.js';
import { abortedBy, cancellable, checkTime, type Clock } from '../core/clock.js';

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
    checkDuration('ms', ms);
    const endMs = this.elapsedMs + ms;
    await settle();
    for (let timer = this.next(endMs); timer; timer = this.next(endMs)) {
      this.timers.delete(timer);
      this.elapsedMs = Math.max(this.elapsedMs, timer.atMs);
      timer.run();
      await settle();
    }
    this.elapsedMs = endMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return cancellable((wake) => this.at(this.elapsedMs + Math.max(0, ms), wake), signal);
  }

  deadline(atMs: number): AbortSignal & Disposable {
    return abortedBy((abort) => this.at(Math.max(this.elapsedMs, atMs - this.startMs), abort), atMs);
  }

  private at(atMs: number, run: () => void): () => void {
    checkTime(atMs);
    const timer = { atMs, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** The earliest timer that is due by `endMs`; of two at the same time the one set first. */
  private next(endMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.timers) if (timer.atMs <= endMs && (!next || timer.atMs < next.atMs)) next = timer;
    return next;
  }
}

/** A turn of the event loop: by its end, every promise chain that needs neither time nor I/O has gone on. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
