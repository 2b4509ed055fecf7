// Setting up
export { QueueModule } from './queue.module.js';
export { queueMigrations, queueMigrationsFor } from './typeorm/migrations.js';
export { QueueBatchEntity } from './typeorm/queue-batch.entity.js';
export { QueueDeadLetterEntity } from './typeorm/queue-dead-letter.entity.js';
export type {
  QueueDefaults,
  QueueMetricsOptions,
  QueueModuleOptions,
  RegisterQueueAsyncOptions,
  RegisterQueueOptions,
} from './queue.module-options.js';

// Pushing and processing in a Nest app
export { InjectQueue, ProcessBatch, queueToken } from './queue.decorators.js';

// Pushing and processing without Nest
export { Queue, type Process, type ProcessContext, type QueueStats } from './queue.js';
export type { FileOptions, ProcessFailure, QueueBehaviour, QueueOptions, QueueStorage } from './queue.options.js';
export type { PushOptions } from './core/intake/intake.js';

// Choosing how items are buffered and encoded
export { appending } from './core/buffer/appending.js';
export { merging } from './core/buffer/merging.js';
export { compressed } from './core/codec/compressed.js';
export { json } from './core/codec/json.js';
export { v8 } from './core/codec/v8.js';
export { messagePack } from './message-pack/message-pack.js';
export type { Buffer } from './core/buffer/buffer.js';
export type { Codec } from './core/codec/codec.js';

// Operating
export { QueueHealthIndicator } from './queue.health.js';
export { type DeadLetter, type DeadLetterPage, DeadLetters } from './dead-letters.js';
export type { FlushCause } from './core/intake/flush-limits.js';
export type { QueueObserver } from './core/observer.js';

// Handling errors
export {
  DuplicateQueueError,
  QueueDataSourceError,
  QueueModuleMissingError,
  QueueProcessorError,
} from './queue.module-errors.js';
export {
  ClaimLostError,
  CodecMismatchError,
  ItemEncodingError,
  MsgpackrMissingError,
  QueueClosedError,
  QueueError,
  QueueStoreError,
} from './queue.errors.js';
export { QueueFileError, type QueueFileProblem } from './file/queue-file.errors.js';

// Implementing a store
export type {
  BatchStore,
  Claim,
  DeadLetterStore,
  NewBatch,
  NewDeadLetter,
  Replacement,
  StoredBatch,
  StoredDeadLetter,
  StoreStats,
} from './core/batch-store.js';
