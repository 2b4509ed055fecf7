import type { Gauge } from 'prom-client';

type Labels = Record<string, string>;
type Read = () => number | Promise<number>;

/** What reads into one gauge. Kept on the gauge: prom-client's registry shares a gauge between apps in one process. */
const READERS = Symbol('turnpike.readers');

/**
 * A gauge whose values are read when the metrics are scraped, not pushed as they change: an age grows without an event
 * to push it.
 */
export class ObservedGauge {
  constructor(private readonly gauge: (Gauge & { [READERS]?: Map<Read, Labels> }) | undefined) {}

  /** Reads the value for these labels at every scrape, until the returned function is called. */
  observe(labels: Labels, read: Read): () => void {
    const gauge = this.gauge;
    if (!gauge) return () => undefined;
    const readers = (gauge[READERS] ??= collectFrom(gauge, new Map<Read, Labels>()));
    readers.set(read, labels);
    return () => {
      readers.delete(read);
      gauge.remove(labels);
    };
  }
}

function collectFrom(gauge: Gauge, readers: Map<Read, Labels>): Map<Read, Labels> {
  // A property of prom-client's metrics since 13 that its types declare for the configuration only.
  (gauge as unknown as { collect: () => Promise<void> }).collect = async () => {
    for (const [read, labels] of readers) gauge.set(labels, await read());
  };
  return readers;
}
