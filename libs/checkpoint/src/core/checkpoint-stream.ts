import {
  CheckpointClosedError,
  CheckpointCommitError,
  CheckpointFencedError,
  CheckpointPayloadError,
} from '../checkpoint.errors.js';
import { CappedCheckpointer, type Compare, type TrackOptions } from './capped-checkpointer.js';
import { type CheckpointStore, type JsonValue, type OpenedCheckpoint } from './checkpoint-store.js';
import { Checkpointer, type Resolve } from './checkpointer.js';
import { Committer } from './committer.js';
import {
  checkName,
  type CommitOptions,
  resolveCommitOptions,
  type StreamEnvironment,
  type StreamOptions,
} from './stream-options.js';

/** What became of a closed stream. */
export interface ClosedCheckpoint<Position> {
  /** The position that the next owner goes on from. */
  readonly committed: Position | undefined;
  /** The summed size of what was tracked after `committed`: the next owner repeats it. */
  readonly uncommitted: number;
}

/** Told what happens to a stream, within the call where it happens; for metrics and logs. */
export interface StreamObserver {
  committed(durationMs: number): void;
  commitFailed(error: CheckpointCommitError): void;
  fenced(error: CheckpointFencedError): void;
  closed(uncommitted: number): void;
}

/**
 * A checkpointer whose highest position is kept in a store, so that whoever opens it next goes on from there.
 *
 *     await using stream = await checkpoints.open('orders');
 *     for await (const order of source.after(stream.committed ?? 0)) {
 *       const resolve = await stream.track(order.position);   // waits at the capacity
 *       void handle(order).then(resolve);                     // in any order
 *     }
 *
 * Guarantees:
 * - What is committed is never above an unresolved position. So after a crash nothing is skipped; what was resolved
 *   but not committed is handled again: at most what `commitEvery` and `commitIntervalMs` allow, and what lies above an
 *   unresolved position.
 * - Only the newest owner commits. Who opens raises the epoch; an older owner finds out at its next commit, which does
 *   not apply: the stream ends with `CheckpointFencedError`. Until then both work: exclusiveness is a lease's business.
 * - A store that fails does not stop tracking. The commit is tried again with backoff until it succeeds.
 *
 * No position may be lower than one before it, nor than what was committed when the stream was opened.
 */
export class CheckpointStream<Position extends JsonValue = number> implements AsyncDisposable {
  private readonly positions: CappedCheckpointer<Position>;
  /** When the positions were tracked, resolved along with them: its oldest is that of the oldest unresolved position. */
  private readonly times = new Checkpointer<number>();
  private readonly committer: Committer<Position>;
  private readonly ended = new AbortController();
  private closing: Promise<ClosedCheckpoint<Position>> | undefined;

  private constructor(
    readonly stream: string,
    readonly partition: string,
    private readonly store: CheckpointStore,
    private readonly opened: OpenedCheckpoint,
    private readonly options: CommitOptions & { readonly compare: Compare<Position> | undefined },
    private readonly observer: StreamObserver | undefined,
  ) {
    const { capacity, compare } = options;
    const after = opened.position as Position | undefined;
    this.positions = new CappedCheckpointer<Position>({ capacity, compare, after });
    this.committer = new Committer((position) => this.save(position), options);
    this.committer.committed = after;
  }

  /**
   * Takes the checkpoint over from whoever has it open. In a Nest app, `Checkpoints.open` does this with the app's store.
   * Throws a RangeError that names the option, or the store's error.
   */
  static async open<Position extends JsonValue = number>(
    store: CheckpointStore,
    stream: string,
    options: StreamOptions<Position> & StreamEnvironment = {},
    observer?: StreamObserver,
  ): Promise<CheckpointStream<Position>> {
    const { partition = '', compare } = options;
    checkName('stream', stream, 1);
    checkName('partition', partition, 0);
    const resolved = { ...resolveCommitOptions(options), compare };
    return new CheckpointStream(stream, partition, store, await store.open(stream, partition), resolved, observer);
  }

  /** The fencing token of this owner. */
  get epoch(): bigint {
    return this.opened.epoch;
  }

  /** The position that was saved last, at first by a former owner; undefined when none ever was. */
  get committed(): Position | undefined {
    return this.committer.committed;
  }

  /** The position up to which all that this owner tracked is resolved; the next commit saves it. */
  get highest(): Position | undefined {
    return this.positions.highest;
  }

  /** The summed size of what was tracked after `highest`. */
  get pending(): number {
    return this.positions.pending;
  }

  /** How long ago the oldest unresolved position was tracked, in ms; 0 without one. */
  get oldestUnresolvedMs(): number {
    const trackedAt = this.times.oldest;
    return trackedAt === undefined ? 0 : this.options.clock.monotonic() - trackedAt;
  }

  /** How many commits in a row the store has failed. */
  get failures(): number {
    return this.committer.failures;
  }

  /** Aborts when the stream ends: with a `CheckpointFencedError` or a `CheckpointClosedError`. Stop working then. */
  get signal(): AbortSignal {
    return this.ended.signal;
  }

  /**
   * Registers the next position, as soon as there is room. Call the answer when it has been handled.
   * Rejects when the stream has ended, with a `CheckpointOrderError`, a `CheckpointPayloadError` (a position that is no
   * JSON, or has no order), a RangeError for the size, or the reason of `signal`; then nothing has changed.
   */
  async track(position: Position, options?: TrackOptions): Promise<Resolve<Position>> {
    this.signal.throwIfAborted();
    checkJson(position);
    const resolvePosition = await this.positions.track(position, options);
    const resolveTime = this.times.track(this.options.clock.monotonic());
    let resolved = false;
    return () => {
      if (resolved) return this.highest;
      resolved = true;
      resolveTime();
      const highest = resolvePosition();
      this.committer.resolved(highest);
      return highest;
    };
  }

  /**
   * Saves what is safe now, without waiting until it is due. Rejects when the stream has ended, or with a
   * `CheckpointCommitError` when the store fails; the stream then tries again by itself.
   */
  async commit(): Promise<void> {
    this.signal.throwIfAborted();
    await this.committer.commit();
  }

  /**
   * Ends the stream: refuses new positions, rejects who waits for room, commits what is safe, and says how much is not.
   * What is resolved later stays uncommitted, so wait for your work first. A second call has the same outcome.
   * Rejects with a `CheckpointCommitError` when the store fails, or a `CheckpointFencedError`; it is closed all the same.
   */
  close(): Promise<ClosedCheckpoint<Position>> {
    return (this.closing ??= this.finish());
  }

  /** Closes. A fenced stream is no error here: its `signal`, `track` and `commit` have told. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close().catch((error: unknown) => {
      if (!(error instanceof CheckpointFencedError)) throw error;
    });
  }

  private async finish(): Promise<ClosedCheckpoint<Position>> {
    this.end(new CheckpointClosedError(this.stream, this.partition));
    await this.committer.stop();
    try {
      await this.committer.commit();
      return { committed: this.committed, uncommitted: this.pending };
    } finally {
      this.observer?.closed(this.pending);
    }
  }

  private end(reason: CheckpointClosedError | CheckpointFencedError): void {
    this.ended.abort(reason);
    this.positions.rejectWaiting(reason);
  }

  private async save(position: Position): Promise<void> {
    if (this.signal.reason instanceof CheckpointFencedError) throw this.signal.reason;
    const startedMs = this.options.clock.monotonic();
    if (!(await this.trySave(position))) {
      const error = new CheckpointFencedError(this.stream, this.partition, this.epoch);
      void this.committer.stop();
      this.end(error);
      this.observer?.fenced(error);
      throw error;
    }
    this.observer?.committed(this.options.clock.monotonic() - startedMs);
  }

  private async trySave(position: Position): Promise<boolean> {
    try {
      return await this.store.save(this.stream, this.partition, this.epoch, position);
    } catch (cause) {
      const error = new CheckpointCommitError(this.stream, this.partition, cause);
      this.observer?.commitFailed(error);
      throw error;
    }
  }
}

/** Refused when it is tracked: found out at the commit, it would fail every commit from then on. */
function checkJson(position: unknown): void {
  if (isJson(position)) return;
  throw new CheckpointPayloadError(position, 'cannot be stored as JSON: give a bigint as text, with `compare`.');
}

function isJson(value: unknown): boolean {
  if (typeof value === 'string') return true;
  // As JSON, these would be null.
  if (typeof value === 'number') return Number.isFinite(value);
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}
