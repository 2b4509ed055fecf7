import type { Clock } from 'nestjs-turnpike/timing';

/** How soon a jump of the wall clock is noticed: after a suspended machine woke up, its timers go on where they were. */
const CHECK_MS = 250;

/** Time for the work to notice the end, and for clocks that run at different speeds. */
function marginOf(termMs: number): number {
  return Math.min(1000, termMs / 10);
}

/**
 * How long a lease holds for its holder. It starts when this object is made, so make it before the acquiring statement
 * is sent: the store counts from a moment after that, and the lease is over here before it is over there.
 *
 * Both clocks count, and the first to say so ends it. The monotonic one stands still while the machine is suspended; the
 * wall clock may be set back. How far the wall clock is off does not matter, only how far it moved.
 */
export class LeaseTerm {
  /** By this process's wall clock. */
  readonly endsAtMs: number;
  private readonly startedAtMonotonicMs: number;
  private readonly usableMs: number;

  constructor(
    private readonly clock: Clock,
    termMs: number,
  ) {
    this.usableMs = termMs - marginOf(termMs);
    this.startedAtMonotonicMs = clock.monotonic();
    this.endsAtMs = clock.now() + this.usableMs;
  }

  /** How long ago it was made. */
  get ageMs(): number {
    return this.clock.monotonic() - this.startedAtMonotonicMs;
  }

  get leftMs(): number {
    return Math.min(this.endsAtMs - this.clock.now(), this.usableMs - this.ageMs);
  }

  get over(): boolean {
    return this.leftMs <= 0;
  }

  /** Resolves when it is over. Rejects with the signal's reason as soon as that aborts. */
  async ended(signal: AbortSignal): Promise<void> {
    while (!this.over) await this.clock.sleep(Math.min(this.leftMs, CHECK_MS), signal);
  }
}
