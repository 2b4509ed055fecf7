/** Base of everything that `lessor` throws. */
export abstract class LessorError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A partition, or a key in one, that does not say what it should. */
export class PartitionError extends LessorError {
  readonly code = 'TURNPIKE_PARTITION';

  /** `text` is what was refused, `rule` what it should be. */
  constructor(
    readonly text: string,
    rule: string,
  ) {
    super(`${JSON.stringify(text)} is not a partition: ${rule}.`);
  }
}

/** The reason of a lease's signal: the lease is about to end, so stop, and write nothing more. */
export class LeaseEndedError extends LessorError {
  readonly code = 'TURNPIKE_LEASE_ENDED';

  constructor(section: string) {
    super(`The lease in section "${section}" is over: stop the work. Ask for a longer one, or work in smaller pieces.`);
  }
}

/** The store did not answer within a term. */
export class LeaseStoreTimeoutError extends LessorError {
  readonly code = 'TURNPIKE_LEASE_STORE_TIMEOUT';

  constructor(limitMs: number) {
    super(
      `The lease store did not answer within ${limitMs} ms. The balancer goes on trying; look at the database, its ` +
        'connection pool, and the network between.',
    );
  }
}
