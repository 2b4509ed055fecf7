// Setting up
export { BarrierModule } from './barrier.module.js';
export { HELD_KEY_STORE, type BarrierExtras } from './barrier.module-definition.js';
export type { AsyncBarrierFeature, BarrierFeature, BarrierModuleOptions } from './barrier.options.js';
export { barrierToken, InjectBarrier } from './barrier.decorators.js';
export { barrierMigrations, barrierMigrationsFor } from './typeorm/migrations.js';
export { HeldKeyEntity } from './typeorm/held-key.entity.js';

// Keeping the jobs of a key in order, through restarts
export { PersistentBarrier, type PersistentBarrierOptions } from './core/persistent-barrier.js';
export type { Hold } from './core/holds.js';
export type { JobTypes } from './core/stored-form.js';

// Keeping them in order in memory
export { Barrier, type EnterResult, type WaitResult } from './core/barrier.js';
export type { BarrierOptions, Setting } from './core/barrier-options.js';
export type { JobState } from './core/job-state.js';

// Operating
export { BarrierHealthIndicator } from './barrier.health.js';
export { BarrierRegistry, type WatchedHolds } from './barrier.registry.js';

// Where held keys are kept
export { TypeOrmHeldKeyStore } from './typeorm/typeorm-held-key-store.js';

// Implementing a store
export type { HeldKey, HeldKeyStore, HoldChanges } from './core/held-key-store.js';

// Errors
export {
  BarrierError,
  HoldsNotRestoredError,
  IllegalJobSequenceError,
  UnstorableJobError,
  UnsupportedStateError,
  type IllegalSequencePoint,
} from './barrier.errors.js';
export { BarrierDataSourceError, BarrierModuleMissingError, DuplicateBarrierError } from './barrier.module-errors.js';
