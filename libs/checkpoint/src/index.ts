// Setting up
export { CheckpointModule, type FeatureStream } from './checkpoint.module.js';
export { CHECKPOINT_STORE, type CheckpointExtras } from './checkpoint.module-definition.js';
export type { CheckpointOptions } from './checkpoint.options.js';
export { checkpointToken, InjectCheckpoint } from './checkpoint.decorators.js';
export { checkpointMigrations, checkpointMigrationsFor } from './typeorm/migrations.js';
export { CheckpointEntity } from './typeorm/checkpoint.entity.js';

// Keeping a position across restarts
export { Checkpoints } from './checkpoints.js';
export { CheckpointStream, type ClosedCheckpoint, type StreamObserver } from './core/checkpoint-stream.js';
export type { CommitPolicy, StreamEnvironment, StreamOptions } from './core/stream-options.js';

// Tracking in memory what is safe
export { Checkpointer, type Resolve } from './core/checkpointer.js';
export { CappedCheckpointer, type CappedOptions, type Compare, type TrackOptions } from './core/capped-checkpointer.js';

// Operating
export { CheckpointHealthIndicator } from './checkpoint.health.js';
export type { OpenStream } from './open-streams.js';

// Where checkpoints are kept
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
  CheckpointDataSourceError,
  CheckpointError,
  CheckpointFencedError,
  CheckpointModuleMissingError,
  CheckpointOrderError,
  CheckpointPayloadError,
} from './checkpoint.errors.js';
