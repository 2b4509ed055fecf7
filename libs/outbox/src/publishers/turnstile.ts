/** Lets at most so many in at a time, in the order in which they came. */
export class Turnstile {
  private inside = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly limit: number) {}

  /** Runs `work` when there is room for it; rejects with the signal's reason when that aborts first. */
  async pass<R>(signal: AbortSignal, work: () => Promise<R>): Promise<R> {
    signal.throwIfAborted();
    if (this.inside < this.limit) this.inside += 1;
    else await this.turn(signal);
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  private turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.waiting.delete(enter);
        reject(signal.reason as Error);
      };
      this.waiting.add(enter);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Whoever waits longest takes the place; nobody may: then it is free. */
  private leave(): void {
    const [next] = this.waiting;
    if (next) {
      this.waiting.delete(next);
      next();
    } else {
      this.inside -= 1;
    }
  }
}
