import { isOurs, type HeldPart, type HeldParts } from './held-parts.js';
import type { LeaseBalancerOptions } from './lease-balancer-options.js';
import type { LeaseStore } from './lease-store.js';

/** Parts on their way back: asked of their owner, and released when it is done with them. It runs beside the rounds. */
export class Drains {
  private readonly running = new Set<Promise<void>>();

  constructor(
    private readonly held: HeldParts,
    private readonly store: LeaseStore,
    private readonly o: LeaseBalancerOptions,
  ) {}

  begin(parts: readonly HeldPart[]): void {
    const drain = this.drain(parts)
      .catch((error: unknown) => this.o.onError?.(error))
      .finally(() => {
        this.held.remove(parts);
        this.running.delete(drain);
        this.report(parts);
      });
    this.running.add(drain);
  }

  async finished(): Promise<void> {
    await Promise.all(this.running);
  }

  private async drain(parts: readonly HeldPart[]): Promise<void> {
    await this.o.onRevoked(parts.map(({ partition }) => partition));
    for (const part of parts) if (isOurs(part)) part.state = 'drained';
    // Those that were lost too: it tells the next holder that they were left in order.
    await this.store.release(this.o.section, parts);
  }

  private report(parts: readonly HeldPart[]): void {
    const released = parts.filter(({ state }) => state === 'drained').length;
    this.o.observer?.ended(released, 'released');
    this.o.observer?.ended(parts.length - released, 'lost');
  }
}
