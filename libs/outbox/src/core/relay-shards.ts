import type { ClaimedShard } from './outbox-storage.js';

type ShardState =
  /** Leased to this process, but its token is not drawn yet, or must be drawn anew. */
  | { readonly kind: 'assigned' }
  /** Ours, and read up to `readTo`. */
  | { readonly kind: 'claimed'; readonly claim: ClaimedShard; readTo: bigint };

/** The shards of one relay. */
export class RelayShards {
  private readonly states = new Map<number, ShardState>();

  assign(shards: readonly number[]): void {
    for (const shard of shards) this.states.set(shard, { kind: 'assigned' });
  }

  revoke(shards: readonly number[]): void {
    for (const shard of shards) this.states.delete(shard);
  }

  get count(): number {
    return this.states.size;
  }

  has(shard: number): boolean {
    return this.states.has(shard);
  }

  /** Those that need a claim before anything is read. */
  unclaimed(): number[] {
    return [...this.states].filter(([, state]) => state.kind === 'assigned').map(([shard]) => shard);
  }

  /** A shard that was revoked while it was being claimed stays away. */
  claimed(claim: ClaimedShard): void {
    if (this.states.has(claim.shard)) this.states.set(claim.shard, { kind: 'claimed', claim, readTo: 0n });
  }

  claimOf(shard: number): ClaimedShard | undefined {
    const state = this.states.get(shard);
    return state?.kind === 'claimed' ? state.claim : undefined;
  }

  /** Where each claimed shard's next read goes on. */
  positions(): { shard: number; after: bigint }[] {
    const positions: { shard: number; after: bigint }[] = [];
    for (const [shard, state] of this.states) {
      if (state.kind === 'claimed') positions.push({ shard, after: state.readTo });
    }
    return positions;
  }

  readUpTo(shard: number, id: bigint): void {
    const state = this.states.get(shard);
    if (state?.kind === 'claimed' && id > state.readTo) state.readTo = id;
  }

  /** What was read and is still in the table must be read again, under a new claim. */
  startOver(shards: Iterable<number>): void {
    for (const shard of shards) if (this.states.has(shard)) this.states.set(shard, { kind: 'assigned' });
  }

  startAllOver(): void {
    this.startOver([...this.states.keys()]);
  }
}
