import type { NewEntry } from './message.js';

/**
 * The entries that a transaction has published and not written yet. `depth` is how many transactions are open on the
 * connection: 1 for the outermost, more inside savepoints.
 *
 * States: `open`, in which entries come and go with their savepoints; `committing`, from the write to the end of COMMIT,
 * in which nothing more can be added, because nothing more would be written.
 */
export class TransactionEntries {
  private pending: { readonly entry: NewEntry; depth: number }[] = [];
  private shardsWritten: readonly number[] | undefined;

  /** How many would be lost if the connection were given back now. */
  get unwritten(): number {
    return this.pending.length;
  }

  get committing(): boolean {
    return this.shardsWritten !== undefined;
  }

  add(entries: readonly NewEntry[], depth: number): void {
    for (const entry of entries) this.pending.push({ entry, depth });
  }

  /** The savepoint at `depth` was released: what it published belongs to the transaction around it now. */
  released(depth: number): void {
    for (const item of this.pending) item.depth = Math.min(item.depth, depth - 1);
  }

  /** The transaction or savepoint at `depth` was rolled back, and all that it published with it. */
  rolledBack(depth: number): void {
    this.pending = this.pending.filter((item) => item.depth < depth);
    if (depth <= 1) this.shardsWritten = undefined;
  }

  /** What is to be written now, in the order of publishing. */
  beginCommit(): readonly NewEntry[] {
    const entries = this.pending.map(({ entry }) => entry);
    this.pending = [];
    this.shardsWritten = [...new Set(entries.map(({ shard }) => shard))].toSorted((a, b) => a - b);
    return entries;
  }

  /** The COMMIT is through. Gives the shards that have something new. */
  committed(): readonly number[] {
    const shards = this.shardsWritten ?? [];
    this.shardsWritten = undefined;
    return shards;
  }
}
