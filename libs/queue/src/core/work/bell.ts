import { type Clock } from 'nestjs-turnpike/timing';

/**
 * Wakes idle workers. A ring wakes one, which rings again when it found a batch: workers wake as long as there is work,
 * and not all of them for a single batch.
 *
 * A worker reads `rung` before it looks into the store and waits only if nobody has rung since: a batch that is stored
 * between its look and its wait would otherwise go unnoticed.
 */
export class Bell {
  rung = 0;
  private readonly waiting = new Set<() => void>();
  private closed = false;
  private timer: { readonly atMs: number; readonly cancel: AbortController } | undefined;

  constructor(private readonly clock: Clock) {}

  ring(): void {
    this.rung++;
    const [first] = this.waiting;
    if (!first) return;
    this.waiting.delete(first);
    first();
  }

  /** Rings after `ms`, or sooner if it was asked to. */
  ringIn(ms: number): void {
    if (this.closed) return;
    const atMs = this.clock.monotonic() + ms;
    if (this.timer && this.timer.atMs <= atMs) return;
    this.timer?.cancel.abort();
    const timer = { atMs, cancel: new AbortController() };
    this.timer = timer;
    this.clock.sleep(ms, timer.cancel.signal).then(this.timerEnded, () => undefined);
  }

  /** Resolves at the next ring that is for this worker; at once when there was one since `rung` was read. */
  async wait(rung: number): Promise<void> {
    if (this.closed || this.rung !== rung) return;
    await new Promise<void>((wake) => this.waiting.add(wake));
  }

  private readonly timerEnded = (): void => {
    this.timer = undefined;
    this.ring();
  };

  /** Wakes everyone and stops the timer: the workers are to end. */
  close(): void {
    this.closed = true;
    this.timer?.cancel.abort();
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }
}
