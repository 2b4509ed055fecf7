/**
 * Which shard an entry belongs to. Stored entries stay in the shard they were written to, so this must never change
 * under the same `HASH_VERSION`: the tables remember with which version and how many shards they were filled.
 */
export const HASH_VERSION = 1;

export class ShardMap {
  constructor(
    readonly count: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** A key is always in the same shard; without a key any shard will do. */
  of(namespace: string, key: string | null): number {
    if (key === null) return Math.floor(this.random() * this.count);
    return hash(`${namespace}\u0000${key}`) % this.count;
  }
}

/**
 * FNV-1a over UTF-8, with the finalizer of MurmurHash3: FNV alone leaves the low bits of similar keys alike.
 * Sources: RFC 9923 (FNV), Appleby's MurmurHash3 (fmix32).
 */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of Buffer.from(text)) h = Math.imul(h ^ byte, 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
