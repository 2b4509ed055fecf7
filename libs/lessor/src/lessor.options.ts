import { DEFAULT_TABLE_PREFIX, checkTablePrefix } from 'nestjs-turnpike/dialect';
import { checkOption, SystemClock, type Clock } from 'nestjs-turnpike/timing';
import type { LessorFactory } from './core/lessor-registry.js';

export interface LessorOptions {
  /**
   * Which lessor the app uses. `typeorm` (default): the app's DataSource, with the tables of `lessorMigrations`.
   * `memory`: for apps that run once. Or one of `lessors`.
   */
  readonly lessor?: 'typeorm' | 'memory' | (string & {});
  /** Further lessors by id, such as `{ redis: redisLessor(client) }`. */
  readonly lessors?: Readonly<Record<string, LessorFactory>>;
  /** What the tables' names begin with. Default: `turnpike_`. */
  readonly tablePrefix?: string;
  readonly clock?: Clock;
}

export type ResolvedLessorOptions = Readonly<Required<LessorOptions>>;

/** Fills in the defaults. Throws a RangeError that names the option when a value breaks its rule. */
export function resolveLessorOptions(options: LessorOptions = {}): ResolvedLessorOptions {
  const { lessor = 'typeorm', lessors = {}, tablePrefix = DEFAULT_TABLE_PREFIX, clock = new SystemClock() } = options;
  checkOption('lessor', lessor, typeof lessor === 'string' && lessor !== '', 'be the id of a lessor');
  for (const [id, factory] of Object.entries(lessors)) {
    checkOption(`lessors.${id}`, factory, typeof factory === 'function', 'be a function that makes a lessor');
  }
  checkTablePrefix(tablePrefix);
  return Object.freeze({ lessor, lessors, tablePrefix, clock });
}
