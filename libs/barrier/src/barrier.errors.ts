/** Base of everything that `barrier` throws. */
export abstract class BarrierError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Where an illegal sequence was seen: the two questions, or the report of a failure. */
export type IllegalSequencePoint = 'enter' | 'wait' | 'failed';

/**
 * A job came after a later job of its key had failed. Thrown only with `onIllegalSequence: 'throw'`, and before the call
 * changed anything.
 */
export class IllegalJobSequenceError extends BarrierError {
  readonly code = 'TURNPIKE_BARRIER_ILLEGAL_SEQUENCE';

  constructor(
    readonly at: IllegalSequencePoint,
    readonly key: string | number | bigint,
    readonly jobId: number | bigint,
    readonly failedJobId: number | bigint,
    context?: string,
  ) {
    super(
      `Job ${jobId} of key ${JSON.stringify(String(key))} came (${at}) after the later job ${failedJobId} had failed. ` +
        `Offer the jobs of a key to the barrier in the order of their ids, or leave the key out of the order with ` +
        `orderingDisabled.${context ? ` (${context})` : ''}`,
    );
  }
}

/** `stateChanged` was called with a state that the barrier does not know. Nothing was changed. */
export class UnsupportedStateError extends BarrierError {
  readonly code = 'TURNPIKE_BARRIER_UNSUPPORTED_STATE';

  constructor(readonly state: unknown) {
    super(
      `The barrier knows no job state ${typeof state === 'string' ? JSON.stringify(state) : String(state)}: ` +
        `say 'succeeded', 'filtered', 'failed', 'aborted' or 'waiting'.`,
    );
  }
}

/** A key or job id that a store could not keep, or that a restart would read as something else. Nothing was changed. */
export class UnstorableJobError extends BarrierError {
  readonly code = 'TURNPIKE_BARRIER_UNSTORABLE_JOB';

  constructor(rule: string, value: string | number | bigint) {
    const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : `the ${typeof value} ${value}`;
    super(`${rule} ${shown}. Say what your keys and ids are with the barrier's options keyType and jobIdType.`);
  }
}

/** What a barrier held before could not be read, so it cannot start without breaking the order. */
export class HoldsNotRestoredError extends BarrierError {
  readonly code = 'TURNPIKE_BARRIER_HOLDS_NOT_RESTORED';

  constructor(barrier: string, cause: unknown) {
    super(
      `The held keys of the barrier "${barrier}" could not be read: ${cause instanceof Error ? cause.message : String(cause)}. ` +
        `Is the database up, and have the barrierMigrations run?`,
      { cause },
    );
  }
}
