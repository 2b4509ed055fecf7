import { Barrier } from 'nestjs-turnpike/barrier';
import type { Clock } from 'nestjs-turnpike/timing';
import { orderKey, type StoredEntry } from './message.js';
import type { HeldKey } from './outbox-storage.js';

/**
 * Which keys wait, and for what: a barrier over the keys of the relay's shards. A key is held from the failure of one of its
 * entries until nothing of it is parked any more, or until its dead letter is requeued or purged.
 */
export class HeldKeys {
  private readonly barrier: Barrier<string, bigint>;
  private readonly heads = new Map<string, { readonly shard: number; readonly id: bigint; readonly sinceMs: number }>();

  /** `concurrencyLimit`: after a dead letter that holds nothing, how many entries of its key may be in a call at a time. */
  constructor(
    private readonly clock: Clock,
    concurrencyLimit: number,
  ) {
    this.barrier = new Barrier({ concurrencyLimit });
  }

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

  has(key: string): boolean {
    return this.heads.has(key);
  }

  /** The id of what the key waits for; undefined: it is open. */
  headOf(key: string): bigint | undefined {
    return this.heads.get(key)?.id;
  }

  /** Right before an entry of the flow goes out. False: its key is held, or has enough entries in calls. */
  enter(key: string, id: bigint): boolean {
    return this.barrier.enter(key, id).accepted;
  }

  /** It is in no call any more. A limit on its key ends at once: whom it has refused asks again now, and not later. */
  leave(key: string, id: bigint, sent: boolean): void {
    if (!sent) return this.barrier.leave(key, id);
    this.barrier.stateChanged(key, id, 'succeeded');
    this.barrier.sync();
  }

  /** The entry failed: from this moment on, later ones of its key are refused. */
  hold(entry: StoredEntry): void {
    const key = orderKey(entry);
    if (key !== undefined && !this.heads.has(key)) this.holdBy(key, entry.shard, entry.id);
  }

  restore(held: readonly HeldKey[]): void {
    for (const head of held) {
      const key = orderKey(head);
      if (key !== undefined) this.holdBy(key, head.shard, head.headId);
    }
  }

  /** The key waits for this one now, instead of what it waited for; undefined: it is open. `aborted`: its head was given up. */
  passOn(key: string, shard: number, headId: bigint | undefined, aborted = false): void {
    const head = this.heads.get(key);
    if (head?.id === headId) return;
    this.open(key, aborted ? 'aborted' : 'succeeded');
    if (headId !== undefined) this.holdBy(key, shard, headId, head?.sinceMs);
  }

  /** The shard is another process's now, or will be claimed anew: its holds are in the table. */
  forget(shard: number): void {
    for (const [key, head] of this.heads) if (head.shard === shard) this.open(key, 'succeeded');
  }

  private holdBy(key: string, shard: number, id: bigint, sinceMs = this.clock.monotonic()): void {
    this.barrier.stateChanged(key, id, 'failed');
    this.heads.set(key, { shard, id, sinceMs });
  }

  private open(key: string, how: 'succeeded' | 'aborted'): void {
    const head = this.heads.get(key);
    if (!head) return;
    this.barrier.stateChanged(key, head.id, how);
    this.barrier.sync();
    this.heads.delete(key);
  }
}
