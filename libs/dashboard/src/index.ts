// Setting up
export { DashboardModule } from './dashboard.module.js';
export type { DashboardOptions, GuardFunction } from './dashboard.options.js';

// What its stream sends, for a view of your own
export type {
  BacklogSnapshot,
  BarrierSnapshot,
  CheckpointSnapshot,
  DestinationSnapshot,
  HeldKeySnapshot,
  History,
  OutboxSnapshot,
  Point,
  QueueSnapshot,
  ShardsOfProcess,
  Snapshot,
} from './core/snapshot.js';

// Errors
export { DashboardError, DashboardSetupError } from './dashboard.errors.js';
