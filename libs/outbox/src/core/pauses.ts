import type { Clock } from 'nestjs-turnpike/timing';
import type { Destination } from './destination.js';
import type { OutboxStorage } from './outbox-storage.js';

export interface PausesOptions {
  readonly storage: Pick<OutboxStorage, 'pauses'>;
  readonly clock: Clock;
  readonly destinations: () => Iterable<Destination>;
  /** How long what was read is believed, in ms, unless it is said that something has changed. */
  readonly pollMs: () => number;
}

/** What operators have paused in all processes: known before anything is sent, so that a relay that starts stays paused. */
export class Pauses {
  private atMs = 0;
  /** One reading at a time: an older answer must not replace a newer one. */
  private turns: Promise<void> = Promise.resolve();

  constructor(private readonly o: PausesOptions) {}

  /** Something may have changed: the next `obey` asks the storage. */
  doubt(): void {
    this.atMs = 0;
  }

  /** Rejects when the storage does: nothing new may be read then. */
  obey(): Promise<void> {
    const turn = this.turns.then(() => this.ask());
    this.turns = turn.catch(() => undefined);
    return turn;
  }

  private async ask(): Promise<void> {
    const { storage, clock, destinations, pollMs } = this.o;
    if (clock.monotonic() < this.atMs) return;
    this.atMs = clock.monotonic() + pollMs(); // what is said from now on is news
    const paused = new Set(
      await storage.pauses().then(
        (all) => all.map(({ destination }) => destination),
        (error: unknown) => {
          this.doubt();
          throw error;
        },
      ),
    );
    for (const one of destinations()) one.obey(paused.has(undefined) || paused.has(one.name));
  }
}
