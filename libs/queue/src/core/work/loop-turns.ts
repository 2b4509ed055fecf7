import { setImmediate as endOfTurn } from 'node:timers/promises';
import { type Clock } from 'nestjs-turnpike/timing';

const TURN_MS = 2;

/**
 * A store in memory, and a `process` that awaits nothing, never leave the turn of the event loop: a worker with a large
 * backlog would keep timers and sockets waiting until all of it is done.
 */
export class LoopTurns {
  /** When this turn has lasted long enough; undefined after the event loop has turned by itself. */
  private endMs: number | undefined;

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {}

  /** Called between two rounds: begins a new turn if this one has lasted long enough. */
  async next(): Promise<void> {
    const nowMs = this.clock.monotonic();
    if (this.endMs === undefined) {
      this.endMs = nowMs + TURN_MS;
      setImmediate(() => (this.endMs = undefined));
    } else if (nowMs >= this.endMs) await endOfTurn();
  }
}
