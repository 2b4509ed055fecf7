import { type Aborts } from './aborts.js';

/** A promise that someone waits for until the items before it are stored. */
export class Waiter {
  readonly promise: Promise<void>;
  private settleWith!: { resolve: () => void; reject: (reason: unknown) => void };
  private readonly ignoreAbort: (() => void) | undefined;

  /** An abort ends the wait only: what was pushed stays pushed. */
  constructor(signal: AbortSignal | undefined, aborts: Aborts) {
    this.promise = new Promise((resolve, reject) => (this.settleWith = { resolve, reject }));
    this.ignoreAbort = signal && aborts.on(signal, () => this.settleWith.reject(signal.reason));
  }

  resolve(): void {
    this.ignoreAbort?.();
    this.settleWith.resolve();
  }

  reject(reason: unknown): void {
    this.ignoreAbort?.();
    this.settleWith.reject(reason);
  }
}
