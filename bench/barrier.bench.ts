import { Barrier } from 'nestjs-turnpike/barrier';
import { type BenchResult } from './support/bench.js';
import { heapBytes, medianOfRuns, perSecond } from './support/measure.js';
import { printLine } from './support/print.js';

const JOBS = 2_000_000;
const KEYS = Array.from({ length: 10_000 }, (_, index) => `customer-${index}`);

/** As many jobs as are persisted together, and followed by one sync. */
const BATCH = 100;

/** Beyond 31 bits, where V8 no longer keeps a number in the pointer: as ids are in a table that has aged. */
const FIRST = 2 ** 40;

/**
 * Lets a job of each of the next `atOnce` keys in, ends them, syncs, and so on. The more keys have a job inside at once, the
 * harder it is: with all of them, the barrier forgets and learns 10,000 keys in each round.
 */
function succeed(ids: readonly (number | bigint)[], atOnce: number): void {
  const barrier = new Barrier<string, number | bigint>();
  for (let from = 0; from < ids.length; from += atOnce) {
    for (let index = from; index < from + atOnce; index++) barrier.enter(keyOf(index), ids[index] as number);
    for (let index = from; index < from + atOnce; index++) {
      barrier.stateChanged(keyOf(index), ids[index] as number, 'succeeded');
    }
    barrier.sync();
  }
  if (barrier.size !== 0) throw new Error('wrong result');
}

/** Each job fails once, is refused to the next of its key, and succeeds: a hold is made and ended for every job. */
function failFirst(ids: readonly number[]): void {
  const barrier = new Barrier();
  for (let from = 0; from < ids.length; from += KEYS.length) {
    for (let index = from; index < from + KEYS.length; index++) {
      const id = ids[index] as number;
      barrier.enter(keyOf(index), id);
      barrier.stateChanged(keyOf(index), id, 'failed');
      barrier.enter(keyOf(index), id + KEYS.length);
      barrier.enter(keyOf(index), id);
      barrier.stateChanged(keyOf(index), id, 'succeeded');
    }
    if (barrier.sync() !== KEYS.length) throw new Error('wrong result');
  }
  if (barrier.size !== 0) throw new Error('wrong result');
}

function keyOf(index: number): string {
  return KEYS[index % KEYS.length] as string;
}

interface Memory {
  readonly perKeyInside: number;
  readonly leftPerKey: number;
}

/** A million keys come, stay, and go; the texts of the keys are not counted. */
async function memory(): Promise<Memory> {
  const keys = Array.from({ length: 1_000_000 }, (_, index) => `passer-by-${index}`);
  const barrier = new Barrier();
  const before = await heapBytes();
  for (const [index, key] of keys.entries()) barrier.enter(key, FIRST + index);
  const inside = await heapBytes();
  for (const [index, key] of keys.entries()) {
    if (index % 10 === 0) barrier.stateChanged(key, FIRST + index, 'failed');
    barrier.stateChanged(key, FIRST + index, 'succeeded');
  }
  barrier.sync();
  const left = await heapBytes();
  // Looks at both, so that they are alive up to here.
  if (barrier.size !== 0 || keys.length !== 1_000_000) throw new Error('wrong result');
  return { perKeyInside: (inside - before) / keys.length, leftPerKey: (left - before) / keys.length };
}

export default async function barrier(): Promise<BenchResult> {
  const ids = Array.from({ length: JOBS }, (_, index) => FIRST + index);
  const measure = (run: () => void): Promise<number> => medianOfRuns(() => perSecond(JOBS, run));
  const result = { perSecond: await measure(() => succeed(ids, BATCH)) };
  printLine('a sync for each job', await measure(() => succeed(ids, 1)));
  printLine('all keys inside at once', await measure(() => succeed(ids, KEYS.length)));
  printLine('each job fails once', await measure(() => failFirst(ids)));
  // Made last: two million objects more on the heap would slow the other runs down.
  const bigIds = ids.map(BigInt);
  printLine('bigint ids', await measure(() => succeed(bigIds, BATCH)));
  const { perKeyInside, leftPerKey } = await memory();
  printLine('bytes per key inside', perKeyInside);
  printLine('bytes left per key gone', leftPerKey);
  return result;
}
