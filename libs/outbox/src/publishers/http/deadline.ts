import { setMaxListeners } from 'node:events';

/**
 * A signal that aborts with another one, or after so many ms. `AbortSignal.any()` and `timeout()` would do, at the price of a
 * tenth of a request.
 */
export class Deadline {
  private readonly abort = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private late = false;
  private readonly end = (): void => this.abort.abort(this.outer.reason);

  constructor(
    private readonly outer: AbortSignal,
    ms: number,
  ) {
    // As many requests as the call has messages; ten would be warned of.
    setMaxListeners(0, this.outer);
    this.outer.addEventListener('abort', this.end);
    if (this.outer.aborted) this.end();
    this.timer = setTimeout(() => {
      this.late = true;
      this.abort.abort();
    }, ms);
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  /** Whether it was the time that ended it. */
  get passed(): boolean {
    return this.late;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
    this.outer.removeEventListener('abort', this.end);
  }
}
