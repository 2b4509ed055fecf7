import { Checkpointer, type Resolve } from 'nestjs-turnpike/checkpoint';
import { type BenchResult } from './support/bench.js';
import { heapBytes, medianOfRuns, perSecond } from './support/measure.js';
import { printLine } from './support/print.js';

const CHUNK = 1000;
const POSITIONS = 2_000_000;
const UNRESOLVED = 1_000_000;

/** Beyond 31 bits, where V8 no longer keeps a number in the pointer: as offsets and ids are in a table that has aged. */
const FIRST = 2 ** 40;

/** Tracks chunk after chunk, and resolves each by `resolveAll` before the next. */
function resolveChunks(resolveAll: (chunk: readonly Resolve<number>[]) => void): void {
  const checkpointer = new Checkpointer<number>();
  const chunk: Resolve<number>[] = Array.from({ length: CHUNK });
  for (let position = 0; position < POSITIONS; position += CHUNK) {
    for (let index = 0; index < CHUNK; index++) chunk[index] = checkpointer.track(FIRST + position + index);
    resolveAll(chunk);
  }
  if (checkpointer.highest !== FIRST + POSITIONS - 1 || checkpointer.pending !== 0) throw new Error('wrong result');
}

function inOrder(chunk: readonly Resolve<number>[]): void {
  for (const resolve of chunk) resolve();
}

function reverse(chunk: readonly Resolve<number>[]): void {
  for (let index = chunk.length - 1; index >= 0; index--) chunk[index]?.();
}

interface Memory {
  readonly perUnresolved: number;
  readonly perResolved: number;
}

async function memory(): Promise<Memory> {
  const checkpointer = new Checkpointer<number>();
  const resolvers: (Resolve<number> | undefined)[] = Array.from({ length: UNRESOLVED });
  const before = await heapBytes();
  for (let index = 0; index < UNRESOLVED; index++) resolvers[index] = checkpointer.track(FIRST + index);
  const unresolved = await heapBytes();
  for (let index = 0; index < UNRESOLVED; index++) {
    resolvers[index]?.();
    resolvers[index] = undefined;
  }
  const resolved = await heapBytes();
  // Looks at both, so that they are alive up to here.
  if (checkpointer.pending !== 0 || resolvers.length !== UNRESOLVED) throw new Error('wrong result');
  return { perUnresolved: (unresolved - before) / UNRESOLVED, perResolved: (resolved - before) / UNRESOLVED };
}

export default async function checkpoint(): Promise<BenchResult> {
  const result = {
    inOrderPerSecond: await medianOfRuns(() => perSecond(POSITIONS, () => resolveChunks(inOrder))),
    reversePerSecond: await medianOfRuns(() => perSecond(POSITIONS, () => resolveChunks(reverse))),
    bytesPerUnresolved: await medianOfRuns(async () => (await memory()).perUnresolved),
  };
  printLine('bytes left per resolved', (await memory()).perResolved);
  return result;
}
