import { KeyEntry } from './key-entry.js';

/**
 * The keys that a barrier knows. Nearly all of them have one job inside and nothing else to tell: those are stored as
 * the job's id, without an object, which makes the common path nearly twice as fast (bench/barrier.bench.ts).
 */
export class KeyTable<Key, JobId extends number | bigint> {
  private readonly keys = new Map<Key, JobId | KeyEntry<JobId>>();

  get size(): number {
    return this.keys.size;
  }

  /** Lets the first job of an unknown key in; `false` when the key is known. */
  enterAlone(key: Key, jobId: JobId): boolean {
    const known = this.keys.get(key);
    if (known === undefined) this.keys.set(key, jobId);
    return known === undefined || known === jobId;
  }

  /** Forgets a key that has this job inside and nothing else; gives the entry of a key of which more is known. */
  leaveAlone(key: Key, jobId: JobId): KeyEntry<JobId> | undefined {
    const known = this.keys.get(key);
    if (typeof known === 'object') return known;
    if (known === jobId) this.keys.delete(key);
    return undefined;
  }

  /** What is known of a key beyond one job inside. */
  get(key: Key): KeyEntry<JobId> | undefined {
    const known = this.keys.get(key);
    return typeof known === 'object' ? known : undefined;
  }

  /** The key's entry, made when there is none. */
  getOrMake(key: Key): KeyEntry<JobId> {
    const known = this.keys.get(key);
    if (typeof known === 'object') return known;
    const entry = known === undefined ? new KeyEntry<JobId>() : KeyEntry.withJob(known);
    this.keys.set(key, entry);
    return entry;
  }

  forget(key: Key): void {
    this.keys.delete(key);
  }

  *[Symbol.iterator](): Iterator<[Key, KeyEntry<JobId>]> {
    for (const [key, known] of this.keys) {
      yield [key, typeof known === 'object' ? known : KeyEntry.withJob(known)];
    }
  }
}
