import { checkInteger, checkOption } from 'nestjs-turnpike/timing';
import type { Partition } from './partition.js';

/** Each part is a row that is renewed for ever. */
const MAX_SHARDS = 4096;

/** The parts that a balancer shares out: `universe` split into `shards`, by default one per key. */
export function shardsOf(universe: Partition, shards?: number): Partition[] {
  checkOption('universe', universe, !universe.isEmpty, 'not be empty');
  if (shards !== undefined) {
    checkInteger('shards', shards, 1, MAX_SHARDS);
  } else {
    checkOption(
      'shards',
      shards,
      universe.size <= MAX_SHARDS,
      `be given for a universe of more than ${MAX_SHARDS} keys`,
    );
  }
  return universe.split(shards ?? Number(universe.size));
}
