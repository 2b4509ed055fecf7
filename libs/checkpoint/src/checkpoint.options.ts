import { DEFAULT_TABLE_PREFIX, checkTablePrefix } from 'nestjs-turnpike/dialect';
import { checkDuration } from 'nestjs-turnpike/timing';
import { type CheckpointStore } from './core/checkpoint-store.js';
import {
  type CommitOptions,
  type CommitPolicy,
  resolveCommitOptions,
  type StreamEnvironment,
} from './core/stream-options.js';

/** The commit policy holds for every stream that is opened without one of its own. */
export interface CheckpointOptions extends CommitPolicy, StreamEnvironment {
  /** Where checkpoints are kept. Default: the app's DataSource, in the table of `checkpointMigrations`. */
  readonly store?: CheckpointStore;
  /** What the table's name begins with. Default: `turnpike_`. */
  readonly tablePrefix?: string;
  /** Health is down when a position has been unresolved for longer. Default: 300,000 ms. */
  readonly maxUnresolvedAgeMs?: number;
}

export type ResolvedCheckpointOptions = CommitOptions &
  Readonly<Required<Pick<CheckpointOptions, 'tablePrefix' | 'maxUnresolvedAgeMs'>>> &
  Pick<CheckpointOptions, 'store'>;

/** Fills in the defaults. Throws a RangeError that names the option when a value breaks its rule. */
export function resolveCheckpointOptions(options: CheckpointOptions = {}): ResolvedCheckpointOptions {
  const { store, tablePrefix = DEFAULT_TABLE_PREFIX, maxUnresolvedAgeMs = 300_000 } = options;
  checkTablePrefix(tablePrefix);
  checkDuration('maxUnresolvedAgeMs', maxUnresolvedAgeMs);
  return Object.freeze({ ...resolveCommitOptions(options), store, tablePrefix, maxUnresolvedAgeMs });
}
