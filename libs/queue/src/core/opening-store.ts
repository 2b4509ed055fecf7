import {
  type BatchStore,
  type Claim,
  type NewBatch,
  type Replacement,
  type StoredDeadLetter,
  type StoreStats,
} from './batch-store.js';

/**
 * Opens a store before its first use. A store that did not open is tried again by the next call: whoever calls has a
 * backoff of its own, so a disk that comes back needs no restart.
 */
export class OpeningStore implements BatchStore {
  private opened: Promise<BatchStore> | undefined;

  constructor(
    private readonly store: BatchStore,
    private readonly codec: string,
  ) {}

  get shared(): boolean {
    return this.store.shared;
  }

  async open(): Promise<void> {
    await this.ready();
  }

  async append(batches: readonly NewBatch[]): Promise<void> {
    await (await this.ready()).append(batches);
  }

  async claim(limit: number, claimMs: number): Promise<Claim | undefined> {
    return (await this.ready()).claim(limit, claimMs);
  }

  async nextDueInMs(): Promise<number | undefined> {
    return (await this.ready()).nextDueInMs();
  }

  async renew(claim: Claim, claimMs: number): Promise<boolean> {
    return (await this.ready()).renew(claim, claimMs);
  }

  async complete(claim: Claim): Promise<boolean> {
    return (await this.ready()).complete(claim);
  }

  async release(claim: Claim, cooldownMs: number): Promise<boolean> {
    return (await this.ready()).release(claim, cooldownMs);
  }

  async replace(claim: Claim, replacement: Replacement): Promise<boolean> {
    return (await this.ready()).replace(claim, replacement);
  }

  async listDeadLetters(limit: number, afterId: number): Promise<StoredDeadLetter[]> {
    return (await this.ready()).listDeadLetters(limit, afterId);
  }

  async requeueDeadLetters(ids: readonly number[]): Promise<number> {
    return (await this.ready()).requeueDeadLetters(ids);
  }

  async purgeDeadLetters(ids: readonly number[]): Promise<number> {
    return (await this.ready()).purgeDeadLetters(ids);
  }

  async stats(): Promise<StoreStats> {
    return (await this.ready()).stats();
  }

  /** What was never opened has nothing to close. */
  async close(): Promise<void> {
    const store = await this.opened?.catch(() => undefined);
    await store?.close();
  }

  private ready(): Promise<BatchStore> {
    this.opened ??= this.store.open(this.codec).then(
      () => this.store,
      (error: unknown) => {
        this.opened = undefined;
        throw error;
      },
    );
    return this.opened;
  }
}
