import type { Clock } from 'nestjs-turnpike/timing';

/**
 * What was read last from a database. However large its tables are and however often it is asked,
 * reading costs the database no more than a share of its time, and one that hangs is not asked twice.
 *
 * `share` 0.1: what took 50 ms is read again after 450 ms at the soonest.
 */
export class PacedReading<T> {
  private running: Promise<void> | undefined;
  private askedAtMs: number | undefined;
  private notBeforeMs = -Infinity;
  private last: { readonly value: T } | undefined;
  private failure: string | undefined;

  constructor(
    private readonly read: () => Promise<T>,
    private readonly clock: Clock,
    private readonly share: number,
  ) {}

  /** Undefined: nothing was read yet. */
  get value(): T | undefined {
    return this.last?.value;
  }

  /** How long it has been waiting for an answer, in ms; 0 when nothing is being asked. */
  get unansweredMs(): number {
    return this.askedAtMs === undefined ? 0 : this.clock.monotonic() - this.askedAtMs;
  }

  /** What the last reading failed with; undefined when it went well. */
  get problem(): string | undefined {
    return this.failure;
  }

  /**
   * Reads, and resolves when that is done. When it is too soon it waits for its time, if that comes within `patienceMs`, or
   * else reads nothing. It does not reject: see `problem`.
   */
  refresh(patienceMs = 0): Promise<void> {
    const waitMs = this.notBeforeMs - this.clock.monotonic();
    if (!this.running && waitMs > patienceMs) return Promise.resolve();
    this.running ??= this.readOnce(waitMs).finally(() => (this.running = undefined));
    return this.running;
  }

  private async readOnce(waitMs: number): Promise<void> {
    if (waitMs > 0) await this.clock.sleep(waitMs);
    const beganMs = this.clock.monotonic();
    this.askedAtMs = beganMs;
    try {
      this.last = { value: await this.read() };
      this.failure = undefined;
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
    this.askedAtMs = undefined;
    const endedMs = this.clock.monotonic();
    this.notBeforeMs = endedMs + (endedMs - beganMs) * (1 / this.share - 1);
  }
}
