import type { HeldKey, HeldKeyStore, HoldChanges } from './held-key-store.js';

/** Held keys in this process's memory: for tests, and for apps whose jobs do not survive a restart either. */
export class MemoryHeldKeyStore implements HeldKeyStore {
  private readonly barriers = new Map<string, Map<string, HeldKey>>();

  async load(barrier: string): Promise<HeldKey[]> {
    return [...this.rows(barrier).values()].toSorted((a, b) => a.sinceMs - b.sinceMs);
  }

  async save(barrier: string, { held, released }: HoldChanges): Promise<void> {
    const rows = this.rows(barrier);
    for (const hold of held) rows.set(hold.key, { ...hold });
    for (const key of released) rows.delete(key);
  }

  private rows(barrier: string): Map<string, HeldKey> {
    const rows = this.barriers.get(barrier) ?? new Map<string, HeldKey>();
    this.barriers.set(barrier, rows);
    return rows;
  }
}
