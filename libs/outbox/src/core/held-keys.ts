import { Barrier } from 'nestjs-turnpike/barrier';
import type { Clock } from 'nestjs-turnpike/timing';
import { orderKey, type ParkedEntry, type StoredEntry } from './message.js';
import type { HeldKey } from './outbox-storage.js';

/**
 * Which keys wait for a failed entry: a barrier over the keys of the relay's shards. A key is held from the failure of one
 * of its entries until nothing of it is parked any more; its head is the entry that the others wait for.
 */
export class HeldKeys {
  private readonly barrier = new Barrier<string, bigint>();
  private readonly heads = new Map<string, { readonly shard: number; readonly id: bigint; readonly sinceMs: number }>();

  constructor(private readonly clock: Clock) {}

  get count(): number {
    return this.heads.size;
  }

  /** How long the longest hold has lasted in this process, in ms; 0 without any. */
  get oldestAgeMs(): number {
    if (this.heads.size === 0) return 0;
    let sinceMs = Infinity;
    for (const head of this.heads.values()) sinceMs = Math.min(sinceMs, head.sinceMs);
    return this.clock.monotonic() - sinceMs;
  }

  /** False: the entry's key is held, and it must wait in the parked table. */
  enter(entry: StoredEntry): boolean {
    const key = orderKey(entry);
    return key === undefined || this.barrier.enter(key, entry.id).accepted;
  }

  leave(entry: StoredEntry): void {
    const key = orderKey(entry);
    if (key !== undefined) this.barrier.leave(key, entry.id);
  }

  /** The entry failed: from this moment on, later ones of its key are refused. */
  hold(entry: StoredEntry): void {
    const key = orderKey(entry);
    if (key !== undefined) this.holdBy(key, entry.shard, entry.id);
  }

  restore(held: readonly HeldKey[]): void {
    for (const { orderKey: key, shard, headId } of held) this.holdBy(key, shard, headId);
  }

  /** The head is through, and the table says which entry is the key's head now; none: the key opens. */
  passOn(former: ParkedEntry, headId: bigint | undefined): void {
    const key = orderKey(former);
    if (key === undefined) return;
    const since = this.heads.get(key)?.sinceMs;
    this.open(key);
    if (headId !== undefined) this.holdBy(key, former.shard, headId, since);
  }

  /** These shards are another process's now, or will be claimed anew: their holds are in the table. */
  forget(shards: ReadonlySet<number>): void {
    for (const [key, { shard }] of this.heads) if (shards.has(shard)) this.open(key);
  }

  private holdBy(key: string, shard: number, id: bigint, sinceMs = this.clock.monotonic()): void {
    this.barrier.stateChanged(key, id, 'failed');
    this.heads.set(key, { shard, id, sinceMs });
  }

  private open(key: string): void {
    const head = this.heads.get(key);
    if (!head) return;
    this.barrier.stateChanged(key, head.id, 'succeeded');
    this.barrier.sync();
    this.heads.delete(key);
  }
}
