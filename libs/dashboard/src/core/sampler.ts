import type { Clock } from 'nestjs-turnpike/timing';

export interface SamplerOptions<S> {
  readonly clock: Clock;
  /** How often a sample is taken, in ms. */
  readonly intervalMs: number;
  /** Takes one. It must not reject. */
  readonly sample: () => Promise<S>;
  /** Costs nothing, and gives another value when there is news that should not wait for the interval. */
  readonly glance: () => string;
}

/** How many glances there are to an interval. */
const GLANCES = 10;
/** News may be ahead of the database: so many glances from it on are samples. */
const EAGER = 8;

/**
 * Takes samples while somebody looks, one series for all who do, and does nothing at all while nobody does. Whoever comes
 * gets the latest sample at once, unless it is from before.
 */
export class Sampler<S> {
  private readonly viewers = new Set<(sample: S) => void>();
  private running: AbortController | undefined;
  private latest: S | undefined;

  constructor(private readonly o: SamplerOptions<S>) {}

  /** How many look. */
  get watching(): number {
    return this.viewers.size;
  }

  /** Calls `viewer` with each sample, until the returned function is called. It must not throw. */
  watch(viewer: (sample: S) => void): () => void {
    const one = (sample: S): void => viewer(sample);
    this.viewers.add(one);
    if (this.latest !== undefined) one(this.latest);
    if (!this.running) {
      this.running = new AbortController();
      void this.run(this.running.signal);
    }
    return () => {
      this.viewers.delete(one);
      if (this.viewers.size > 0) return;
      this.running?.abort();
      this.running = undefined;
      this.latest = undefined;
    };
  }

  private async run(end: AbortSignal): Promise<void> {
    let eager = 0;
    while (!end.aborted) {
      const seen = this.o.glance();
      const sample = await this.o.sample();
      if (end.aborted) return;
      this.latest = sample;
      for (const viewer of this.viewers) viewer(sample);
      const news = await this.nap(eager > 0 ? 1 : GLANCES, seen, end);
      eager = news ? EAGER : eager - 1;
    }
  }

  /** For so many glances, or until there is news: true. */
  private async nap(glances: number, seen: string, end: AbortSignal): Promise<boolean> {
    const { clock, intervalMs, glance } = this.o;
    for (let n = 0; n < glances && !end.aborted; n += 1) {
      await clock.sleep(intervalMs / GLANCES, end).catch(() => undefined);
      if (glance() !== seen) return true;
    }
    return false;
  }
}
