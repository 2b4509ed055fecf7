import type { Clock } from 'nestjs-turnpike/timing';
import { MAX_ERROR_LENGTH, type HeldKey } from './held-key-store.js';
import type { HoldWriter } from './hold-writer.js';

/** A key that is held, and why. */
export interface Hold<Key, JobId> {
  readonly key: Key;
  readonly failedJobId: JobId;
  readonly since: Date;
  /** What the failed job failed with last, if that was told. */
  readonly lastError: string | undefined;
}

/** The present holds of a barrier, in the order in which they began, each change of which is written. */
export class Holds<Key extends string | number | bigint, JobId extends number | bigint> {
  private readonly holds = new Map<Key, Hold<Key, JobId>>();

  constructor(
    private readonly writer: HoldWriter,
    private readonly clock: Clock,
  ) {}

  get size(): number {
    return this.holds.size;
  }

  /** How long the longest hold has lasted, in ms; 0 without any. */
  get oldestAgeMs(): number {
    const [oldest] = this.holds.values();
    return oldest ? Math.max(0, this.clock.now() - oldest.since.getTime()) : 0;
  }

  get(key: Key): Hold<Key, JobId> | undefined {
    return this.holds.get(key);
  }

  list(): Hold<Key, JobId>[] {
    return [...this.holds.values()];
  }

  /** A hold that the store has already. */
  restore(hold: Hold<Key, JobId>): void {
    this.holds.set(hold.key, hold);
  }

  /** A key is held by this job now, or by none. */
  changed(key: Key, failedJobId: JobId | undefined): void {
    if (this.holds.get(key)?.failedJobId === failedJobId) return;
    // Taken out first: a key that is held anew goes to the end of the order.
    this.holds.delete(key);
    if (failedJobId === undefined) return this.writer.put(String(key), undefined);
    this.put({ key, failedJobId, since: new Date(this.clock.now()), lastError: undefined });
  }

  /** The job that holds its key failed, again or for the first time. A job that holds nothing changes nothing. */
  failed(key: Key, jobId: JobId, error: unknown): void {
    const hold = this.holds.get(key);
    if (hold?.failedJobId === jobId) this.put({ ...hold, lastError: textOf(error) });
  }

  private put(hold: Hold<Key, JobId>): void {
    this.holds.set(hold.key, hold);
    this.writer.put(String(hold.key), storedHold(hold));
  }
}

function storedHold<Key, JobId extends number | bigint>({ key, ...hold }: Hold<Key, JobId>): HeldKey {
  return {
    key: String(key),
    failedJobId: BigInt(hold.failedJobId),
    sinceMs: hold.since.getTime(),
    lastError: hold.lastError,
  };
}

/** As every database takes it: a NUL or half a character would make the save fail for ever. */
function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll('\0', '\uFFFD').slice(0, MAX_ERROR_LENGTH).toWellFormed();
}
