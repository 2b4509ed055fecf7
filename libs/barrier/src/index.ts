// Keeping the jobs of a key in order
export { Barrier, type EnterResult, type WaitResult } from './core/barrier.js';
export type { BarrierOptions, Setting } from './core/barrier-options.js';
export type { JobState } from './core/job-state.js';

// Handling errors
export {
  BarrierError,
  IllegalJobSequenceError,
  UnsupportedStateError,
  type IllegalSequencePoint,
} from './barrier.errors.js';
