/** A promise that someone waits for until the items before it are stored. */
export class Waiter {
  readonly promise: Promise<void>;
  private settleWith!: { resolve: () => void; reject: (reason: unknown) => void };

  /** An abort ends the wait only: what was pushed stays pushed. */
  constructor(private readonly signal?: AbortSignal) {
    this.promise = new Promise((resolve, reject) => (this.settleWith = { resolve, reject }));
    signal?.addEventListener('abort', this.aborted, { once: true });
  }

  resolve(): void {
    this.signal?.removeEventListener('abort', this.aborted);
    this.settleWith.resolve();
  }

  reject(reason: unknown): void {
    this.signal?.removeEventListener('abort', this.aborted);
    this.settleWith.reject(reason);
  }

  private readonly aborted = (): void => this.settleWith.reject(this.signal?.reason);
}
