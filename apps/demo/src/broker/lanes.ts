import type { RetryPolicy } from 'nestjs-turnpike/timing';

export interface LanesOptions {
  /** The most tasks at a time. */
  readonly parallel: number;
  /** When a task that failed is tried again; its key's later ones wait for it. */
  readonly retry: RetryPolicy;
  /** When it aborts, no attempt is begun any more. */
  readonly signal: AbortSignal;
  readonly onFailed: (error: unknown) => void;
}

/**
 * Runs tasks: those of a key one after the other in the order in which they were given, also when one fails and is tried
 * again; those of different keys side by side.
 */
export class Lanes {
  private readonly last = new Map<string, Promise<boolean>>();
  private readonly waiting: (() => void)[] = [];
  private free: number;

  constructor(private readonly o: LanesOptions) {
    this.free = o.parallel;
  }

  /** True when the task has succeeded, false when the signal came first. */
  run(key: string, task: () => Promise<unknown>): Promise<boolean> {
    const former = this.last.get(key);
    const turn = (former ? former.then(() => this.untilDone(task)) : this.untilDone(task)).finally(() => {
      if (this.last.get(key) === turn) this.last.delete(key);
    });
    this.last.set(key, turn);
    return turn;
  }

  /** Resolves when no task is under way or waits. */
  async idle(): Promise<void> {
    while (this.last.size > 0) await Promise.all(this.last.values());
  }

  private async untilDone(task: () => Promise<unknown>): Promise<boolean> {
    const { retry, signal, onFailed } = this.o;
    const attempts = retry.derive();
    while (await attempts.attempt(signal)) {
      await this.enter();
      try {
        if (signal.aborted) return false;
        await task();
        return true;
      } catch (error) {
        onFailed(error);
      } finally {
        this.leave();
      }
    }
    return false;
  }

  private async enter(): Promise<void> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free += 1;
  }
}
