import type { Clock } from 'nestjs-turnpike/timing';

/** A reading takes at most the tenth part of the time: what took 50 ms is read again after 450 ms at the soonest. */
const PAUSE = 9;

/**
 * What was read last from a database, and how long ago. However large its tables are and however often it is asked,
 * reading costs the database no more than a share of its time, and one that hangs is not asked twice.
 */
export class PacedReading<T> {
  private running: Promise<void> | undefined;
  private notBeforeMs = -Infinity;
  private last: { readonly value: T; readonly atMs: number } | undefined;
  private failure: string | undefined;

  constructor(
    private readonly read: () => Promise<T>,
    private readonly clock: Clock,
  ) {}

  /** Undefined: nothing was read yet. */
  get value(): T | undefined {
    return this.last?.value;
  }

  /** How old the value is, in ms; 0 without one. */
  get ageMs(): number {
    return this.last ? this.clock.monotonic() - this.last.atMs : 0;
  }

  /** What the last reading failed with; undefined when it went well. */
  get problem(): string | undefined {
    return this.failure;
  }

  /** Reads unless it is too soon; resolves when what is being read has been. It does not reject: see `problem`. */
  refresh(): Promise<void> {
    if (this.running) return this.running;
    if (this.clock.monotonic() < this.notBeforeMs) return Promise.resolve();
    this.running = this.readOnce().finally(() => (this.running = undefined));
    return this.running;
  }

  private async readOnce(): Promise<void> {
    const beganMs = this.clock.monotonic();
    try {
      this.last = { value: await this.read(), atMs: beganMs };
      this.failure = undefined;
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
    const endedMs = this.clock.monotonic();
    this.notBeforeMs = endedMs + PAUSE * (endedMs - beganMs);
  }
}
