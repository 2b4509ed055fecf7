import { type Buffer } from '../buffer/buffer.js';

/** What made the queue flush its buffer. A push that waits until it is stored flushes as `manual`. */
export type FlushCause = 'size' | 'pushes' | 'timeout' | 'manual' | 'close';

/** When a buffer is flushed: at whichever limit it reaches first. 0 turns a limit off. */
export interface FlushLimits {
  /** Items. */
  readonly flushSize: number;
  /** Pushes: more than items when the buffer merges. */
  readonly flushPushes: number;
  /** How long after the first push into an empty buffer. */
  readonly flushTimeoutMs: number;
}

/** The limit that the buffer has reached by what it holds, size before pushes. */
export function reachedLimit(limits: FlushLimits, buffer: Buffer<unknown>): 'size' | 'pushes' | undefined {
  if (limits.flushSize > 0 && buffer.size >= limits.flushSize) return 'size';
  if (limits.flushPushes > 0 && buffer.pushes >= limits.flushPushes) return 'pushes';
  return undefined;
}
