import { type FlushCause } from './intake/flush-limits.js';

/** What a queue tells of its work, as it happens: the Prometheus metrics listen here. Must not throw. */
export interface QueueObserver {
  pushed(): void;
  flushed(cause: FlushCause, items: number): void;
  processed(items: number, durationMs: number): void;
  processFailed(durationMs: number): void;
}
