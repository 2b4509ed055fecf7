import type { Deliveries } from './deliveries.js';
import type { StoredEntry } from './message.js';
import type { OutboxStorage } from './outbox-storage.js';
import type { NextRead, Shards } from './shards.js';

export interface FlowReaderOptions {
  readonly storage: Pick<OutboxStorage, 'read'>;
  /** The most entries in a read. */
  readonly batchSize: number;
  readonly shards: Pick<Shards, 'nextReads'>;
  readonly deliveries: Pick<Deliveries, 'add' | 'room'>;
}

/** The most payload bytes that a read should bring. */
const READ_BYTES = 33_554_432;

/** What one statement has read. */
interface FlowRead {
  readonly parts: readonly NextRead[];
  readonly entries: readonly StoredEntry[];
}

/**
 * Reads the flow of the relay's shards, each from where it got to, and hands the entries over to the deliveries. While there
 * is a backlog, it is a read ahead: the database reads one half of the shards while what came of the other is set going.
 */
export class FlowReader {
  private averageBytes = 0;
  private ahead: Promise<FlowRead> | undefined;

  constructor(private readonly o: FlowReaderOptions) {}

  /** A read is under way that nobody waits for yet. */
  get reading(): boolean {
    return this.ahead !== undefined;
  }

  /** How many entries have come. `ahead`: it will be called again soon; otherwise all that may be read now is. */
  async read(ahead: boolean): Promise<number> {
    const begun = this.ahead;
    this.ahead = undefined;
    const first = begun ? this.takeIn(await begun, ahead) : 0;
    if (begun && ahead) return first;
    const read = await this.next(ahead, 0);
    return first + (read ? this.takeIn(read, ahead) : 0);
  }

  /** Resolves when nothing is being read. */
  async ended(): Promise<void> {
    await this.ahead?.catch(() => undefined);
  }

  /** `expected`: so many entries are about to be taken in. Undefined: there is nothing to read, or no room for it. */
  private next(half: boolean, expected: number): Promise<FlowRead> | undefined {
    const { batchSize, deliveries, shards } = this.o;
    const byBytes = this.averageBytes > 0 ? Math.ceil(READ_BYTES / this.averageBytes) : batchSize;
    const room = Math.min(batchSize, byBytes, deliveries.room - expected);
    const parts = room > 0 ? shards.nextReads(room, half) : [];
    return parts.length > 0 ? this.readParts(parts) : undefined;
  }

  private async readParts(parts: readonly NextRead[]): Promise<FlowRead> {
    try {
      const from = parts.map(({ work, after, limit }) => ({ shard: work.claim.shard, after, limit }));
      return { parts, entries: await this.o.storage.read(from) };
    } catch (error) {
      for (const { work } of parts) work.dirty = true;
      throw error;
    }
  }

  private takeIn({ entries, parts }: FlowRead, ahead: boolean): number {
    if (ahead && parts.some(({ work }) => work.busy)) {
      this.ahead = this.next(true, entries.length);
      this.ahead?.catch(() => undefined); // whoever awaits it hears of it
    }
    const { deliveries } = this.o;
    const counts = new Map(parts.map(({ work }) => [work.claim.shard, { work, count: 0 }]));
    let bytes = 0;
    for (const entry of entries) {
      bytes += entry.payload.byteLength;
      const of = counts.get(entry.shard);
      if (!of) continue;
      of.count += 1;
      const { work } = of;
      // It may have been revoked, or claimed anew, while the read was under way: whoever has it now begins at its position.
      if (work.closing || entry.id <= work.readUpTo) continue;
      deliveries.add(work, work.read(entry));
    }
    if (entries.length > 0) this.averageBytes = bytes / entries.length;
    for (const { work, limit } of parts) work.hasRead(counts.get(work.claim.shard)?.count ?? 0, limit);
    return entries.length;
  }
}
