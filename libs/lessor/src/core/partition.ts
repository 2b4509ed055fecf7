import { checkInteger } from 'nestjs-turnpike/timing';
import { PartitionError } from '../lessor.errors.js';

const HEX = /^[0-9a-f]+$/;

/** What a scan has seen of a partition, for `splitAfter`. */
export interface ScanDensity {
  /** How many items lay between the partition's low end and the last key seen. */
  readonly itemsBefore: number;
  /** How many items each part should hold. */
  readonly targetItems: number;
  /** At most so many parts, however many items are left. */
  readonly maxShards: number;
}

/**
 * A range `[low, high)` of a key space whose keys are whole numbers of any size: hashes, UUIDs, shard numbers. Immutable
 * and exact. It prints as lower-case hex, `low_high`, and `parse` reads that back; `[n, n)` is empty and allowed.
 */
export class Partition {
  #text: string | undefined;

  private constructor(
    readonly low: bigint,
    readonly high: bigint,
  ) {
    if (low < 0n || high < low)
      throw new PartitionError(`${low.toString(16)}_${high.toString(16)}`, 'it needs 0 <= low <= high');
  }

  /** `[low, high)`. Throws `PartitionError`, or a `RangeError` for a number that is not whole. */
  static fromInts(low: bigint | number, high: bigint | number): Partition {
    return new Partition(BigInt(low), BigInt(high));
  }

  /** All keys of `keySpaceBytes` bytes: 16 for UUIDs and MD5, 32 for SHA-256. */
  static universe(keySpaceBytes: number): Partition {
    return new Partition(0n, keyCount(keySpaceBytes));
  }

  /** From the first key to the last one, which belongs to it: `spanInclusive('00', 'ff')` has 256 keys. */
  static spanInclusive(lowHex: string, highHex: string): Partition {
    return new Partition(parseKey(lowHex), parseKey(highHex) + 1n);
  }

  /** Reads what `toString` prints: `parse('f0_ff')` is `[240, 255)`. Throws `PartitionError`. */
  static parse(text: string): Partition {
    const [low = '', high = '', ...rest] = text.split('_');
    if (!HEX.test(low) || !HEX.test(high) || rest.length > 0) {
      throw new PartitionError(text, 'it needs two lower-case hex numbers with an underscore between, such as "f0_ff"');
    }
    const [from, to] = [BigInt(`0x${low}`), BigInt(`0x${high}`)];
    if (to < from) throw new PartitionError(text, 'its low end lies above its high end');
    return new Partition(from, to);
  }

  get size(): bigint {
    return this.high - this.low;
  }

  get isEmpty(): boolean {
    return this.high === this.low;
  }

  contains(other: Partition): boolean {
    return other.isEmpty || (this.low <= other.low && other.high <= this.high);
  }

  /** True when a key lies in both. */
  overlaps(other: Partition): boolean {
    return !this.isEmpty && !other.isEmpty && this.low < other.high && other.low < this.high;
  }

  equals(other: Partition): boolean {
    return this.low === other.low && this.high === other.high;
  }

  toString(): string {
    this.#text ??= `${this.low.toString(16)}_${this.high.toString(16)}`; // parts are looked up by it, for every message
    return this.#text;
  }

  toJSON(): string {
    return this.toString();
  }

  /**
   * The range as text for `key >= low and key < high` on a column of fixed-width lower-case hex: both ends padded to
   * `2 * keySpaceBytes` digits, and 'g', which sorts after every hex digit, for an end beyond the key space.
   */
  queryBounds(keySpaceBytes: number): [low: string, high: string] {
    const count = keyCount(keySpaceBytes);
    const bound = (end: bigint): string => (end >= count ? 'g' : end.toString(16).padStart(2 * keySpaceBytes, '0'));
    return [bound(this.low), bound(this.high)];
  }

  /** At most `shards` parts of one size, which is rounded up; the last one is cut to `high`. */
  split(shards: number): Partition[] {
    checkInteger('shards', shards, 1);
    const increment = ceilDiv(this.size, BigInt(shards));
    const parts: Partition[] = [];
    for (let low = this.low; low < this.high; low += increment) {
      parts.push(new Partition(low, min(low + increment, this.high)));
    }
    return parts;
  }

  /**
   * Splits what lies after the key `exclusiveHex`, the last one a scan has seen, into parts of about `targetItems`
   * each, if the rest is as dense as what was seen. Nothing is left: no parts.
   */
  splitAfter(exclusiveHex: string, { itemsBefore, targetItems, maxShards }: ScanDensity): Partition[] {
    checkInteger('itemsBefore', itemsBefore, 0);
    checkInteger('targetItems', targetItems, 1);
    checkInteger('maxShards', maxShards, 1);
    const from = parseKey(exclusiveHex) + 1n;
    if (from <= this.low) throw new PartitionError(exclusiveHex, `the key lies before ${this.toString()}`);
    if (from >= this.high) return [];
    const rest = new Partition(from, this.high);
    const shards = ceilDiv(BigInt(itemsBefore) * rest.size, (from - this.low) * BigInt(targetItems));
    return rest.split(Number(min(max(shards, 1n), BigInt(maxShards))));
  }
}

function keyCount(keySpaceBytes: number): bigint {
  checkInteger('keySpaceBytes', keySpaceBytes, 1, 1024);
  return 1n << BigInt(8 * keySpaceBytes);
}

function parseKey(hex: string): bigint {
  if (!HEX.test(hex)) throw new PartitionError(hex, 'a key is a lower-case hex number');
  return BigInt(`0x${hex}`);
}

function ceilDiv(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
