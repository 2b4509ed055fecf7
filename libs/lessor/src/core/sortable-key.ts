import { PartitionError } from '../lessor.errors.js';
import { Partition } from './partition.js';

/** The high end of a key space of 32 bytes has 65 hex digits. */
const DIGITS = 65;

/** The ends of a partition as text of one width, whose order is that of the numbers in every store. */
export function sortableEnds(partition: Partition): [low: string, high: string] {
  const high = partition.high.toString(16);
  if (high.length > DIGITS) {
    throw new PartitionError(partition.toString(), 'stores keep leases in key spaces of at most 32 bytes');
  }
  return [partition.low.toString(16).padStart(DIGITS, '0'), high.padStart(DIGITS, '0')];
}

export function fromSortableEnds(low: string, high: string): Partition {
  return Partition.fromInts(BigInt(`0x${low}`), BigInt(`0x${high}`));
}
