/** Lets at most so many in at a time, in the order in which they came. */
export class Turnstile {
  private inside = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly limit: number) {}

  /** Runs `work` when there is room for it; or rejects then with the signal's reason, if that has aborted meanwhile. */
  async pass<R>(signal: AbortSignal, work: () => Promise<R>): Promise<R> {
    if (this.inside < this.limit) this.inside += 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      this.leave();
    }
  }

  /** Whoever waits longest takes the place; when nobody does, it is free. */
  private leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.inside -= 1;
  }
}
