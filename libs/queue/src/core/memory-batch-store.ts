import { randomUUID } from 'node:crypto';
import { type Clock } from 'nestjs-turnpike/timing';
import { CodecMismatchError } from '../queue.errors.js';
import {
  type BatchStore,
  type Claim,
  type NewBatch,
  type Replacement,
  type StoredBatch,
  type StoredDeadLetter,
  type StoreStats,
} from './batch-store.js';
import { DueHeap } from './due-heap.js';

interface Row extends StoredBatch {
  readonly storedAtMs: number;
  availableAtMs: number;
  token: string | undefined;
}

/** Batches in memory: gone when the process ends. */
export class MemoryBatchStore implements BatchStore {
  readonly shared = false;
  /** By id. */
  private readonly rows = new Map<number, Row>();
  /** The same rows by the time at which each may be claimed. */
  private readonly due = new DueHeap<Row>();
  private readonly dead = new Map<number, StoredDeadLetter>();
  private lastId = 0;

  constructor(
    private readonly queue: string,
    private readonly clock: Clock,
  ) {}

  async open(codec: string): Promise<void> {
    for (const row of this.rows.values()) {
      if (row.codec !== codec) throw new CodecMismatchError(this.queue, row.codec, codec);
    }
  }

  async append(batches: readonly NewBatch[]): Promise<void> {
    const nowMs = this.clock.monotonic();
    for (const batch of batches) {
      const row = { ...batch, id: ++this.lastId, storedAtMs: nowMs, availableAtMs: nowMs, token: undefined };
      this.rows.set(row.id, row);
      this.due.add(row);
    }
  }

  async claim(limit: number, claimMs: number): Promise<Claim | undefined> {
    const nowMs = this.clock.monotonic();
    const token = randomUUID();
    const batches: Row[] = [];
    for (let row = this.due.first; row && row.availableAtMs <= nowMs && batches.length < limit; row = this.due.first) {
      this.move(row, nowMs + claimMs, token);
      batches.push(row);
    }
    return batches.length > 0 ? { token, batches: batches.toSorted((a, b) => a.id - b.id) } : undefined;
  }

  async nextDueInMs(): Promise<number | undefined> {
    const { first } = this.due;
    return first && Math.max(0, first.availableAtMs - this.clock.monotonic());
  }

  async renew(claim: Claim, claimMs: number): Promise<boolean> {
    const held = this.held(claim);
    for (const row of held) this.move(row, this.clock.monotonic() + claimMs, claim.token);
    return held.length === claim.batches.length;
  }

  async complete(claim: Claim): Promise<boolean> {
    const held = this.held(claim);
    for (const row of held) this.remove(row);
    return held.length === claim.batches.length;
  }

  async release(claim: Claim, cooldownMs: number): Promise<boolean> {
    const held = this.held(claim);
    const nowMs = this.clock.monotonic();
    for (const row of held) this.move(row, cooldownMs > 0 ? nowMs + cooldownMs : row.storedAtMs, undefined);
    return held.length === claim.batches.length;
  }

  async replace(claim: Claim, { rest, deadLetters }: Replacement): Promise<boolean> {
    const held = this.held(claim);
    if (held.length < claim.batches.length) return false;
    for (const row of held) this.remove(row);
    for (const letter of deadLetters) {
      const id = ++this.lastId;
      this.dead.set(id, { ...letter, id, diedAtMs: this.clock.now() });
    }
    await this.append(rest);
    return true;
  }

  async listDeadLetters(limit: number, afterId: number): Promise<StoredDeadLetter[]> {
    return [...this.dead.values()].filter(({ id }) => id > afterId).slice(0, limit);
  }

  async requeueDeadLetters(ids: readonly number[]): Promise<number> {
    const letters = this.take(ids);
    await this.append(letters.map(({ codec, data }) => ({ codec, data, items: 1 })));
    return letters.length;
  }

  async purgeDeadLetters(ids: readonly number[]): Promise<number> {
    return this.take(ids).length;
  }

  async stats(): Promise<StoreStats> {
    let items = 0;
    for (const row of this.rows.values()) items += row.items;
    const [oldest] = this.rows.values();
    return {
      batches: this.rows.size,
      items,
      oldestAgeMs: oldest && this.clock.monotonic() - oldest.storedAtMs,
    };
  }

  async close(): Promise<void> {}

  private take(ids: readonly number[]): StoredDeadLetter[] {
    const letters = ids.map((id) => this.dead.get(id)).filter((letter) => letter !== undefined);
    // An id that is named twice is taken once.
    return letters.filter(({ id }) => this.dead.delete(id));
  }

  private move(row: Row, availableAtMs: number, token: string | undefined): void {
    row.token = token;
    this.due.move(row, availableAtMs);
  }

  private remove(row: Row): void {
    this.due.remove(row);
    this.rows.delete(row.id);
  }

  private held(claim: Claim): Row[] {
    return claim.batches
      .map((batch) => this.rows.get(batch.id))
      .filter((row) => row !== undefined && row.token === claim.token) as Row[];
  }
}
