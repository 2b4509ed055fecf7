import { checkInteger } from 'nestjs-turnpike/timing';
import { type Linked, LinkedList } from './linked-list.js';

/** Marks its payload resolved and returns the checkpointer's `highest`. Every call but the first only returns it. */
export type Resolve<T> = () => T | undefined;

/**
 * Knows how far it is safe to go: payloads are tracked in their order and resolved in any order, and `highest` is the
 * payload of the longest fully resolved prefix.
 *
 *     const first = checkpointer.track(1), second = checkpointer.track(2);
 *     second();   // undefined: 1 is not resolved yet
 *     first();    // 2
 *
 * Every operation is O(1), and what is resolved takes no memory. The payloads' order is the order of the calls; nothing
 * compares them, and nothing limits how many are unresolved: `CappedCheckpointer` does both.
 *
 * How: only unresolved payloads are in the list, each with the size and the last payload of the run of resolved ones
 * behind it. Resolving one hands both to its predecessor; without a predecessor, its run is the prefix's new end.
 */
export class Checkpointer<T> {
  private readonly unresolved = new LinkedList<Entry<T>>();
  private prefixEnd: T | undefined;
  private pendingSize = 0;

  /** @param advanced called within a resolver, after `highest` has moved on; it must not throw */
  constructor(private readonly advanced?: () => void) {}

  /** The payload of the longest fully resolved prefix; undefined while the first one is unresolved. */
  get highest(): T | undefined {
    return this.prefixEnd;
  }

  /** The summed size of what was tracked after `highest`, resolved or not. */
  get pending(): number {
    return this.pendingSize;
  }

  /** The lowest unresolved payload, the one that everything behind it waits for. */
  get oldest(): T | undefined {
    return this.unresolved.first?.payload;
  }

  /**
   * Registers the next payload of the sequence.
   * @param size what it adds to `pending`: a whole number, 0 or more, or a RangeError
   */
  track(payload: T, size = 1): Resolve<T> {
    checkInteger('size', size, 0);
    const entry = new Entry(this, payload, size);
    this.unresolved.append(entry);
    this.pendingSize += size;
    // A bound function takes 48 bytes; a closure and its context take 96, and made track 1.5 times as slow.
    return Checkpointer.resolve.bind(entry) as Resolve<T>;
  }

  private static resolve<T>(this: Entry<T>): T | undefined {
    const { owner, previous } = this;
    if (this.resolved) return owner.prefixEnd;
    owner.unresolved.remove(this);
    if (previous) {
      previous.runEnd = this.runEnd;
      previous.runSize += this.runSize;
      this.forget();
      return owner.prefixEnd;
    }
    owner.prefixEnd = this.runEnd;
    owner.pendingSize -= this.runSize;
    this.forget();
    owner.advanced?.();
    return owner.prefixEnd;
  }
}

const RESOLVED = -1;

class Entry<T> implements Linked<Entry<T>> {
  previous: Entry<T> | undefined = undefined;
  next: Entry<T> | undefined = undefined;
  /** The last payload of the run that starts here. */
  runEnd: T | undefined;

  constructor(
    readonly owner: Checkpointer<T>,
    public payload: T | undefined,
    public runSize: number,
  ) {
    this.runEnd = payload;
  }

  get resolved(): boolean {
    return this.runSize === RESOLVED;
  }

  /** A caller may keep its resolver for long: it must not keep payloads. */
  forget(): void {
    this.runSize = RESOLVED;
    this.payload = this.runEnd = undefined;
  }
}
