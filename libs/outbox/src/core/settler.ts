import type { ClaimedShard, OutboxStorage } from './outbox-storage.js';

interface Sent {
  readonly claim: ClaimedShard;
  readonly id: bigint;
}

/** Deletes what was sent while more is being sent: one statement at a time, each with all that has come meanwhile. */
export class Settler {
  private sent: Sent[] = [];
  private readonly fenced = new Set<number>();
  private running: Promise<void> | undefined;

  constructor(private readonly storage: Pick<OutboxStorage, 'settle'>) {}

  add(claim: ClaimedShard, id: bigint): void {
    this.sent.push({ claim, id });
    this.running ??= this.run();
    // The error is for `drain`: without this line it would be an unhandled rejection until someone drains.
    this.running.catch(() => undefined);
  }

  /** Resolves when all that was added is deleted, with the shards that another process has taken over. */
  async drain(): Promise<ReadonlySet<number>> {
    while (this.running) await this.running;
    return this.fenced;
  }

  private async run(): Promise<void> {
    try {
      while (this.sent.length > 0) {
        const batch = this.sent;
        this.sent = [];
        for (const shard of (await this.storage.settle(batch)).fenced) this.fenced.add(shard);
      }
      this.running = undefined;
    } catch (error) {
      this.sent = [];
      throw error;
    }
  }
}
