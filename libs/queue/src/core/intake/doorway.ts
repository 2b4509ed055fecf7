import { type Aborts } from './aborts.js';

interface Waiting {
  readonly enter: () => void;
  readonly refuse: (reason: unknown) => void;
}

/**
 * Where pushes wait, first come first served, while the queue holds as many items in memory as it may.
 *
 * Invariant: someone waits only while the house is full. An entry happens inside `admit`, in the caller's turn: had the
 * admitted one to wait for a promise first, others could overtake it and fill the house beyond its capacity.
 */
export class Doorway {
  private readonly waiting = new Set<Waiting>();

  constructor(
    private readonly isFull: () => boolean,
    private readonly aborts: Aborts,
  ) {}

  get closed(): boolean {
    return this.waiting.size > 0 || this.isFull();
  }

  /** Resolves as `enter` does, once it was one's turn; rejects with the signal's reason, and then never enters. */
  wait(enter: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        enter: () => {
          ignoreAbort?.();
          resolve(enter());
        },
        refuse: (reason) => {
          ignoreAbort?.();
          this.waiting.delete(waiting);
          reject(reason);
        },
      };
      const ignoreAbort = signal && this.aborts.on(signal, () => waiting.refuse(signal.reason));
      this.waiting.add(waiting);
    });
  }

  /** Lets in as many as there is room for. */
  admit(): void {
    for (const waiting of this.waiting) {
      if (this.isFull()) return;
      this.waiting.delete(waiting);
      waiting.enter();
    }
  }

  /** Sends all who wait away: there will be no room any more. */
  refuse(reason: unknown): void {
    for (const waiting of this.waiting) waiting.refuse(reason);
  }
}
