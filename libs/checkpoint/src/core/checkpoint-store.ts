import { checkOption } from 'nestjs-turnpike/timing';

/** What a position may be: it is stored as JSON text, so a bigint goes in as a string. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export interface OpenedCheckpoint {
  /** The last saved position, as equal JSON; undefined when none was ever saved. */
  readonly position: JsonValue | undefined;
  /** The fencing token of whoever opened: repeat it with every save. It grows by one with every opening, from 1. */
  readonly epoch: bigint;
}

/**
 * Where checkpoints live: one row per (stream, partition), each with the epoch of its newest owner.
 *
 * - Stream and partition are compared byte for byte: `a`, `A` and `a ` (with a blank) are three.
 * - `open` and `save` of one row are serialized: of two owners that open at the same time each gets an epoch of its
 *   own, and once an opening has been answered, no save by a lower epoch applies. Without that, an owner that was
 *   stalled (a long collection, a partitioned network) could move the checkpoint of its successor back.
 * - The position is the caller's: the store neither compares positions nor refuses lower ones.
 * - Times are the database's.
 *
 * Every method may reject with the database's own error; then nothing is known about what was written, and calling
 * again is safe: an opening only raises the epoch once more, a save only repeats itself.
 */
export interface CheckpointStore {
  /** Takes the row over, creating it if need be: raises its epoch, which fences every earlier owner. */
  open(stream: string, partition: string): Promise<OpenedCheckpoint>;

  /**
   * Takes over many partitions of a stream, all or none: by one statement in one round trip on Postgres and SQLite, by
   * two statements in one transaction on MySQL and MariaDB. Rows are locked in one order, whatever the order of
   * `partitions`, so that two callers cannot deadlock. A partition named twice is opened once.
   * The answer has one entry per partition. More than 10,000 at a time: RangeError.
   */
  openAll(stream: string, partitions: readonly string[]): Promise<ReadonlyMap<string, OpenedCheckpoint>>;

  /** False: a newer owner has opened it (or the row is gone), and nothing was written. */
  save(stream: string, partition: string, epoch: bigint, position: JsonValue): Promise<boolean>;
}

const MAX_PARTITIONS = 10_000;

/** For stores: what every `openAll` refuses. Its statement holds about two parameters per partition. */
export function checkPartitions(partitions: readonly string[]): void {
  const { length } = partitions;
  checkOption('partitions.length', length, length <= MAX_PARTITIONS, `be at most ${MAX_PARTITIONS} at a time`);
}
