import type { Clock } from 'nestjs-turnpike/timing';
import type { Item } from './item.js';
import type { OutboxStorage } from './outbox-storage.js';
import type { ShardWork } from './shard-work.js';
import { unlessAborted } from './unless-aborted.js';

export interface SettlerOptions {
  readonly storage: Pick<OutboxStorage, 'settle'>;
  readonly clock: Clock;
  /** They have left the flow. */
  readonly onSettled: (work: ShardWork, items: readonly Item[]) => void;
  /** The shard has another owner: what was sent stays in its table. */
  readonly onFenced: (work: ShardWork, items: readonly Item[]) => void;
  readonly observe: (entries: number, durationMs: number) => void;
  readonly onIdle: () => void;
  readonly onError: (error: unknown) => void;
}

const RETRY_MS = 500;

/**
 * Deletes what was sent while more is being sent: one statement at a time, each with all that has come meanwhile. One that
 * fails is repeated until it does not, or until the relay gives up: forgetting it would send its entries again.
 */
export class Settler {
  private sent = new Map<ShardWork, Item[]>();
  private running: Promise<void> | undefined;

  constructor(
    private readonly o: SettlerOptions,
    private readonly giveUp: AbortSignal,
  ) {}

  get idle(): boolean {
    return this.running === undefined;
  }

  add(work: ShardWork, item: Item): void {
    const items = this.sent.get(work);
    if (items) items.push(item);
    else this.sent.set(work, [item]);
    this.running ??= this.run();
  }

  private async run(): Promise<void> {
    await Promise.resolve(); // what is sent in the same turn goes together
    while (this.sent.size > 0) {
      const batch = this.sent;
      this.sent = new Map();
      const fenced = await this.settle(batch);
      for (const [work, items] of batch) {
        if (!fenced || fenced.has(work.claim.shard)) this.o.onFenced(work, items);
        else this.o.onSettled(work, items);
      }
    }
    this.running = undefined;
    this.o.onIdle();
  }

  /** The fenced shards; undefined: given up. */
  private async settle(batch: ReadonlyMap<ShardWork, readonly Item[]>): Promise<ReadonlySet<number> | undefined> {
    const { storage, clock, observe, onError } = this.o;
    const sent = [...batch].map(([{ claim }, items]) => ({ claim, ids: items.map(({ entry }) => entry.id) }));
    const entries = sent.reduce((sum, { ids }) => sum + ids.length, 0);
    while (!this.giveUp.aborted) {
      const startMs = clock.monotonic();
      try {
        const { fenced } = await unlessAborted(storage.settle(sent), this.giveUp);
        observe(entries, clock.monotonic() - startMs);
        return new Set(fenced);
      } catch (error) {
        if (this.giveUp.aborted) break;
        onError(error);
        await clock.sleep(RETRY_MS, this.giveUp).catch(() => undefined);
      }
    }
    return undefined;
  }
}
