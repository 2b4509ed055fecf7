import { setImmediate } from 'node:timers/promises';

const RUNS = 5;

/** The median of five runs, after one that does not count: until then the code is being compiled. */
export async function medianOfRuns(run: () => number | Promise<number>): Promise<number> {
  await run();
  const results: number[] = [];
  for (let count = 0; count < RUNS; count++) results.push(await run());
  return median(results);
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [lower = Number.NaN, upper = Number.NaN] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  return (lower + upper) / 2;
}

/** How many times a second, when `operations` took as long as `run`. */
export async function perSecond(operations: number, run: () => void | Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await run();
  return (operations / (performance.now() - startedMs)) * 1000;
}

/** Bytes of live objects on the heap. Needs node's `--expose-gc`, which run.ts gives. */
export async function heapBytes(): Promise<number> {
  if (!globalThis.gc) throw new Error('Run it by `npm run bench`: memory cannot be measured without --expose-gc.');
  // What the running turn has touched stays alive until it is over.
  await setImmediate();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}
