import { Logger } from '@nestjs/common';
import { CheckpointClosedError } from './checkpoint.errors.js';
import { type CheckpointMetrics } from './checkpoint.metrics.js';
import { type ResolvedCheckpointOptions } from './checkpoint.options.js';
import { type CheckpointStore, type JsonValue } from './core/checkpoint-store.js';
import { CheckpointStream, type StreamObserver } from './core/checkpoint-stream.js';
import { type StreamOptions } from './core/stream-options.js';
import { type OpenStream, OpenStreams } from './open-streams.js';

/**
 * Opens checkpoint streams in the app's store, and closes those that are still open when the app closes.
 *
 * Opening takes a checkpoint over: whoever has it open, in this process or another, is fenced. So where several
 * processes run the same code, open a partition only while you hold its lease (the lessor's business).
 */
export class Checkpoints {
  private readonly logger = new Logger(Checkpoints.name);
  private readonly openStreams: OpenStreams;
  private readonly named = new Map<string, Promise<CheckpointStream<JsonValue>>>();
  private closing = false;

  constructor(
    private readonly store: CheckpointStore,
    private readonly options: ResolvedCheckpointOptions,
    private readonly metrics: CheckpointMetrics,
  ) {
    this.openStreams = new OpenStreams((stream, partitions) => metrics.watch(stream, partitions));
  }

  /** What is open in this app: neither closed nor known to be fenced. */
  get streams(): Iterable<OpenStream> {
    return this.openStreams;
  }

  /**
   * Takes a checkpoint over and goes on from its position; see `CheckpointStream` for what it guarantees. What
   * `options` leaves out is as in the module's options. Close it when the work is done: `await using` does so.
   * Rejects with a RangeError that names the option, or the store's error.
   */
  async open<Position extends JsonValue = number>(
    stream: string,
    options: StreamOptions<Position> = {},
  ): Promise<CheckpointStream<Position>> {
    const { clock, retryPolicy, ...policy } = this.options;
    const { partition, compare } = options;
    const { capacity = policy.capacity, commitEvery = policy.commitEvery } = options;
    const { commitIntervalMs = policy.commitIntervalMs } = options;
    const resolved = { partition, compare, capacity, commitEvery, commitIntervalMs, clock, retryPolicy };

    this.refuseWhileClosing(stream, partition);
    const observer = this.observer(stream, () => this.openStreams.delete(opened));
    const opened: CheckpointStream<Position> = await CheckpointStream.open(this.store, stream, resolved, observer);
    this.openStreams.add(opened);
    if (this.closing) await opened.close();
    this.refuseWhileClosing(stream, partition);
    return opened;
  }

  /** Opens a stream that the whole app shares: the first call decides its options. */
  openNamed(stream: string, options: StreamOptions<JsonValue>): Promise<CheckpointStream<JsonValue>> {
    const opened = this.named.get(stream) ?? this.open(stream, options);
    this.named.set(stream, opened);
    return opened;
  }

  /** Closes what is open: what is not resolved by now stays uncommitted. */
  async onModuleDestroy(): Promise<void> {
    this.closing = true;
    await Promise.all(
      Array.from(this.openStreams, (stream) =>
        stream.close().catch((error: unknown) => this.logger.error(`At the end of the app: ${String(error)}`)),
      ),
    );
  }

  private refuseWhileClosing(stream: string, partition = ''): void {
    if (this.closing) throw new CheckpointClosedError(stream, partition, 'the app is closing');
  }

  private observer(stream: string, ended: () => void): StreamObserver {
    return {
      committed: (durationMs) => this.metrics.committed(stream, durationMs),
      commitFailed: (error) => {
        this.metrics.failed(stream);
        this.logger.warn(error.message);
      },
      fenced: (error) => {
        ended();
        this.logger.error(error.message);
      },
      closed: (uncommitted) => {
        ended();
        if (uncommitted > 0) this.logger.warn(`"${stream}" was closed with ${uncommitted} not yet safe to commit.`);
      },
    };
  }
}
