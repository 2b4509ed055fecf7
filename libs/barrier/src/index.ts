// Keeping the jobs of a key in order
export { Barrier, type EnterResult, type WaitResult } from './core/barrier.js';
export type { BarrierOptions, Setting } from './core/barrier-options.js';
export type { JobState } from './core/job-state.js';

// Holding through a restart
export { PersistentBarrier, type PersistentBarrierOptions } from './core/persistent-barrier.js';
export type { Hold } from './core/holds.js';
export { TypeOrmHeldKeyStore } from './typeorm/typeorm-held-key-store.js';
export { HeldKeyEntity } from './typeorm/held-key.entity.js';
export { barrierMigrations, barrierMigrationsFor } from './typeorm/migrations.js';

// Implementing a store
export type { HeldKey, HeldKeyStore, HoldChanges } from './core/held-key-store.js';

// Handling errors
export {
  BarrierError,
  HoldsNotRestoredError,
  IllegalJobSequenceError,
  UnstorableJobError,
  UnsupportedStateError,
  type IllegalSequencePoint,
} from './barrier.errors.js';
