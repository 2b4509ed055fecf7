// Tracking what is safe
export { Checkpointer, type Resolve } from './core/checkpointer.js';
export { CappedCheckpointer, type CappedOptions, type Compare, type TrackOptions } from './core/capped-checkpointer.js';

// Setting up the table
export { CheckpointEntity } from './typeorm/checkpoint.entity.js';
export { checkpointMigrations, checkpointMigrationsFor } from './typeorm/migrations.js';
export { TypeOrmCheckpointStore } from './typeorm/typeorm-checkpoint-store.js';

// Implementing a store
export {
  checkPartitions,
  type CheckpointStore,
  type JsonValue,
  type OpenedCheckpoint,
} from './core/checkpoint-store.js';

// Errors
export {
  CheckpointClosedError,
  CheckpointCommitError,
  CheckpointError,
  CheckpointFencedError,
  CheckpointOrderError,
  CheckpointPayloadError,
} from './checkpoint.errors.js';
