import type { OutboxOperations, Pause } from './core/outbox-operations.js';

/**
 * Stops deliveries for as long as an operator wants, in all processes: also in those that start meanwhile. Messages are
 * published as ever, and wait. May be called in any process; the relays of all see it soon: at once where they hear of it
 * (Postgres), else within the time that they poll in.
 *
 * Calls of a publisher that are under way are not cut short.
 */
export class OutboxPauses {
  constructor(
    private readonly operations: OutboxOperations,
    private readonly changed: () => void,
  ) {}

  /** Nothing more goes out to the destination, or to any, until `resume`. Again is no error. */
  async pause(destination?: string): Promise<void> {
    await this.operations.pause(destination);
    this.changed();
  }

  /**
   * Ends the pause of the destination; without one, every pause. False: there was none. While all are paused, one of them
   * cannot be resumed alone.
   */
  async resume(destination?: string): Promise<boolean> {
    const resumed = await this.operations.resume(destination);
    if (resumed) this.changed();
    return resumed;
  }

  /** What is paused now, the oldest first. */
  list(): Promise<Pause[]> {
    return this.operations.pauses();
  }
}
