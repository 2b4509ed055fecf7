import { Logger, type OnModuleDestroy } from '@nestjs/common';
import { checkDuration } from 'nestjs-turnpike/timing';
import type { IllegalSequencePoint } from './barrier.errors.js';
import type { BarrierMetrics } from './barrier.metrics.js';
import { DuplicateBarrierError } from './barrier.module-errors.js';
import type { BarrierFeature, ResolvedBarrierModuleOptions } from './barrier.options.js';
import type { HeldKeyStore } from './core/held-key-store.js';
import { PersistentBarrier } from './core/persistent-barrier.js';

/** What metrics and health show of holds, whoever keeps them. */
export type WatchedHolds = Pick<PersistentBarrier, 'name' | 'held' | 'oldestHoldAgeMs'>;

/** What the app watches of a barrier, whatever its keys and job ids are. */
export interface RegisteredBarrier {
  readonly barrier: WatchedHolds & Pick<PersistentBarrier, 'storeFailures' | 'close'>;
  readonly maxHoldAgeMs: number;
}

/** A generator asks for a refused job again and again: its key should not fill the log. */
const LOG_ILLEGAL_EVERY_MS = 60_000;

/** The barriers of one app: opened as they are injected, watched, and closed together. */
export class BarrierRegistry implements OnModuleDestroy {
  private readonly logger = new Logger('TurnpikeBarrier');
  private readonly names = new Set<string>();
  private readonly opened: RegisteredBarrier[] = [];

  constructor(
    private readonly options: ResolvedBarrierModuleOptions,
    private readonly store: HeldKeyStore,
    private readonly metrics: BarrierMetrics,
  ) {}

  get barriers(): readonly RegisteredBarrier[] {
    return this.opened;
  }

  /** Opens a barrier with what it held before; what cannot be read stops the start. */
  async open<Key extends string | number | bigint, JobId extends number | bigint>(
    feature: BarrierFeature<Key, JobId>,
  ): Promise<PersistentBarrier<Key, JobId>> {
    const { name, maxHoldAgeMs = this.options.maxHoldAgeMs, ...own } = feature;
    checkDuration('maxHoldAgeMs', maxHoldAgeMs);
    if (this.names.has(name)) throw new DuplicateBarrierError(name);
    this.names.add(name);
    const warn = this.illegalLog(name);
    const { clock, retryPolicy } = this.options;
    const barrier = await PersistentBarrier.open<Key, JobId>({
      ...own,
      ...(retryPolicy && { retryPolicy }),
      name,
      store: this.store,
      clock,
      onWait: (...job) => {
        this.metrics.waited(name);
        own.onWait?.(...job);
      },
      onIllegal: (at, key, jobId, failedJobId) => {
        this.metrics.illegal(name, at);
        warn(at, jobId, failedJobId);
        own.onIllegal?.(at, key, jobId, failedJobId);
      },
      onStoreError: (error, failures) => {
        this.logger.error(
          `The holds of barrier "${name}" could not be stored (${failures} in a row): ${String(error)}`,
        );
        own.onStoreError?.(error, failures);
      },
    });
    this.opened.push({ barrier, maxHoldAgeMs });
    this.metrics.observe(barrier);
    return barrier;
  }

  /** Shows the holds of one who keeps them in a place of its own, as the outbox does, beside those of the app's barriers. */
  watch(holds: WatchedHolds): void {
    if (this.names.has(holds.name)) throw new DuplicateBarrierError(holds.name);
    this.names.add(holds.name);
    this.opened.push({
      barrier: {
        name: holds.name,
        get held() {
          return holds.held;
        },
        get oldestHoldAgeMs() {
          return holds.oldestHoldAgeMs;
        },
        storeFailures: 0,
        close: async () => undefined,
      },
      maxHoldAgeMs: this.options.maxHoldAgeMs,
    });
    this.metrics.observe(holds);
  }

  /** Before onApplicationShutdown, in which TypeORM closes its DataSource. */
  async onModuleDestroy(): Promise<void> {
    this.metrics.stop();
    const { clock, closeTimeoutMs } = this.options;
    using deadline = clock.deadline(clock.now() + closeTimeoutMs);
    await Promise.all(
      this.opened.map(({ barrier }) =>
        barrier.close(deadline).catch((error: unknown) => {
          this.logger.error(
            `The app closes, and holds of barrier "${barrier.name}" are not stored: after a restart, later jobs of ` +
              `their keys may overtake. ${String(error)}`,
          );
        }),
      ),
    );
  }

  /** Without the key, which may be personal. */
  private illegalLog(name: string) {
    let silentUntilMs = Number.NEGATIVE_INFINITY;
    return (at: IllegalSequencePoint, jobId: number | bigint, failedJobId: number | bigint): void => {
      const nowMs = this.options.clock.monotonic();
      if (nowMs < silentUntilMs) return;
      silentUntilMs = nowMs + LOG_ILLEGAL_EVERY_MS;
      this.logger.warn(
        `Barrier "${name}": job ${jobId} came (${at}) after the later job ${failedJobId} of its key had failed. ` +
          `More of them within a minute are counted and not logged.`,
      );
    };
  }
}
