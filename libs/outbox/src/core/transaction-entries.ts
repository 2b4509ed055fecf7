import type { NewEntry } from './message.js';

/** What a COMMIT has brought. */
export interface Committed {
  readonly entries: number;
  /** The shards that have something new, in order. */
  readonly shards: readonly number[];
  /** Something will be due later. */
  readonly delayed: boolean;
}

const NOTHING: Committed = { entries: 0, shards: [], delayed: false };

/**
 * The entries that a transaction has published and not written yet. `depth` is how many transactions are open on the
 * connection: 1 for the outermost, more inside savepoints. Savepoints of the user's own have names, and no depth.
 *
 * States: `open`, in which entries come and go with their savepoints; `committing`, from the write to the end of COMMIT,
 * in which nothing more can be added, because nothing more would be written.
 */
export class TransactionEntries {
  private pending: { readonly entry: NewEntry; depth: number }[] = [];
  private savepoints: { readonly name: string; readonly at: number }[] = [];
  private written: Committed | undefined;

  /** How many would be lost if the connection were given back now. */
  get unwritten(): number {
    return this.pending.length;
  }

  get committing(): boolean {
    return this.written !== undefined;
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
    this.savepoints = this.savepoints.filter(({ at }) => at <= this.pending.length);
    if (depth <= 1) this.written = undefined;
  }

  /** The user has set a savepoint of that name when so many entries were pending. */
  savepointSet(name: string, at: number): void {
    this.savepoints.push({ name, at });
  }

  /**
   * The user has rolled back to the savepoint when so many entries were pending. One that is not known was set before the
   * first of them was published.
   */
  rolledBackTo(name: string, before: number): void {
    const index = this.savepoints.findLastIndex((savepoint) => savepoint.name === name);
    this.pending.splice(this.savepoints[index]?.at ?? 0, before - (this.savepoints[index]?.at ?? 0));
    this.savepoints.splice(index + 1); // itself, it stays
  }

  /** The user has released the savepoint, and those set after it. */
  savepointReleased(name: string): void {
    const index = this.savepoints.findLastIndex((savepoint) => savepoint.name === name);
    if (index >= 0) this.savepoints.splice(index);
  }

  /** What is to be written now, in the order of publishing. */
  beginCommit(): readonly NewEntry[] {
    const entries = this.pending.map(({ entry }) => entry);
    this.pending = [];
    this.savepoints = [];
    const flowing = entries.filter(({ due }) => due === undefined);
    const shards = [...new Set(flowing.map(({ shard }) => shard))].toSorted((a, b) => a - b);
    this.written = { entries: entries.length, shards, delayed: flowing.length < entries.length };
    return entries;
  }

  /** The COMMIT is through. */
  committed(): Committed {
    const written = this.written ?? NOTHING;
    this.written = undefined;
    return written;
  }
}
