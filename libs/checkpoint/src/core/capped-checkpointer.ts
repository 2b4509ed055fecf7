import { checkInteger } from 'nestjs-turnpike/timing';
import { CheckpointOrderError, CheckpointPayloadError } from '../checkpoint.errors.js';
import { Checkpointer, type Resolve } from './checkpointer.js';
import { type Linked, LinkedList } from './linked-list.js';

export type Compare<T> = (a: T, b: T) => number;

export interface CappedOptions<T> {
  /** The greatest `pending`, in the unit of the sizes: a whole number, at least 1. */
  readonly capacity: number;
  /** Below 0 when `a` comes before `b`. Numbers and bigints need none. */
  readonly compare?: Compare<T>;
  /** The payload that a former run got to: lower ones are out of order. */
  readonly after?: T;
}

export interface TrackOptions {
  /** What it adds to `pending`: a whole number, 0 or more; 1 by default. */
  readonly size?: number;
  /** Ends the wait for room: `track` rejects with its reason, and nothing was tracked. */
  readonly signal?: AbortSignal;
}

/**
 * A checkpointer with room for so much, which makes its callers wait: a source cannot run ahead of its slowest payload
 * without end.
 *
 * - `track` waits while `pending > 0 && pending + size > capacity`; a payload larger than the capacity enters alone.
 * - Callers enter in the order of their calls, also when some of them give up. A small payload does not overtake a large one.
 * - A payload lower than an earlier one is refused, equal ones are not.
 */
export class CappedCheckpointer<T> {
  private readonly tracked: Checkpointer<T>;
  private readonly waiting = new LinkedList<Waiting<T>>();
  private readonly capacity: number;
  private readonly compare: Compare<T>;
  private newest: T | undefined;

  constructor({ capacity, compare = compareNumeric, after }: CappedOptions<T>) {
    checkInteger('capacity', capacity, 1);
    this.capacity = capacity;
    this.compare = compare;
    this.newest = after;
    this.tracked = new Checkpointer(() => this.admit());
  }

  /** The payload of the longest fully resolved prefix; undefined while the first one is unresolved. */
  get highest(): T | undefined {
    return this.tracked.highest;
  }

  /** The summed size of what was tracked after `highest`, resolved or not. Who waits is not in it. */
  get pending(): number {
    return this.tracked.pending;
  }

  /** The lowest unresolved payload, the one that everything behind it waits for. */
  get oldest(): T | undefined {
    return this.tracked.oldest;
  }

  /**
   * Registers the next payload of the sequence, as soon as there is room.
   * Rejects with `CheckpointOrderError`, a `RangeError` for the size, or the signal's reason; then nothing has changed.
   */
  async track(payload: T, { size = 1, signal }: TrackOptions = {}): Promise<Resolve<T>> {
    signal?.throwIfAborted();
    return this.tryTrack(payload, size) ?? this.wait(payload, size, signal);
  }

  /** As `track`, but returns undefined where that would wait: `tryTrack(position) ?? (await track(position))`. */
  tryTrack(payload: T, size = 1): Resolve<T> | undefined {
    checkInteger('size', size, 0);
    this.checkOrder(payload);
    if (this.waiting.first || !this.hasRoomFor(size)) return undefined;
    return this.enter(payload, size);
  }

  /** Rejects everyone who waits for room, with this reason. */
  rejectWaiting(reason: unknown): void {
    for (let next = this.waiting.first; next; next = this.waiting.first) {
      this.waiting.remove(next);
      next.reject(reason);
    }
  }

  private wait(payload: T, size: number, signal: AbortSignal | undefined): Promise<Resolve<T>> {
    return new Promise((resolve, reject) => {
      const leave = (): void => signal?.removeEventListener('abort', giveUp);
      const waiting: Waiting<T> = {
        payload,
        size,
        previous: undefined,
        next: undefined,
        enter: (resolver) => {
          leave();
          resolve(resolver);
        },
        reject: (reason) => {
          leave();
          reject(reason);
        },
      };
      const giveUp = (): void => {
        this.waiting.remove(waiting);
        reject(signal?.reason);
        // Whoever came next may be smaller and fit.
        this.admit();
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.waiting.append(waiting);
    });
  }

  private admit(): void {
    for (let next = this.waiting.first; next && this.hasRoomFor(next.size); next = this.waiting.first) {
      this.waiting.remove(next);
      next.enter(this.enter(next.payload, next.size));
    }
  }

  private enter(payload: T, size: number): Resolve<T> {
    this.newest = payload;
    return this.tracked.track(payload, size);
  }

  private hasRoomFor(size: number): boolean {
    return this.pending === 0 || this.pending + size <= this.capacity;
  }

  /** Against the last one that waits, as it will be before this one; not kept, as it may give up. */
  private checkOrder(payload: T): void {
    const before = this.waiting.last ? this.waiting.last.payload : this.newest;
    // The first one is compared with itself, so that a payload without an order is refused from the start.
    const order = this.compare(before === undefined ? payload : before, payload);
    if (!(order <= 0)) throw new CheckpointOrderError(payload, before);
  }
}

interface Waiting<T> extends Linked<Waiting<T>> {
  readonly payload: T;
  readonly size: number;
  enter(resolver: Resolve<T>): void;
  reject(reason: unknown): void;
}

/** Numbers and bigints, also with each other. */
function compareNumeric(a: unknown, b: unknown): number {
  if (!isNumeric(a) || !isNumeric(b)) {
    throw new CheckpointPayloadError(isNumeric(a) ? b : a, 'has no order of its own: give the option `compare`.');
  }
  return a < b ? -1 : Number(a > b);
}

function isNumeric(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || (typeof value === 'number' && !Number.isNaN(value));
}
