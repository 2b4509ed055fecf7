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

/** No lessor was registered under the id. */
export class UnknownLessorError extends LessorError {
  readonly code = 'TURNPIKE_LESSOR_UNKNOWN';

  constructor(id: string, known: readonly string[]) {
    super(
      `The lessor "${id}" is not one of: ${known.join(', ') || '(none)'}. Register it: ` +
        `LessorModule.forRoot({ lessor: "${id}", lessors: { "${id}": factory } }).`,
    );
  }
}

/** Two lessors under one id. */
export class DuplicateLessorError extends LessorError {
  readonly code = 'TURNPIKE_LESSOR_DUPLICATE';

  constructor(id: string) {
    super(`A lessor "${id}" is registered already: choose another id.`);
  }
}

/** The typeorm lessor in an app without a DataSource. */
export class LessorDataSourceError extends LessorError {
  readonly code = 'TURNPIKE_LESSOR_DATA_SOURCE';

  constructor(name: string | undefined) {
    const which = name === undefined ? 'the default DataSource' : `the DataSource "${name}"`;
    super(`The typeorm lessor needs ${which}: import TypeOrmModule.forRoot() with it, or choose another lessor.`);
  }
}

/** A balancer was asked of a lessor that is not on a LeaseStore. */
export class BalancingUnsupportedError extends LessorError {
  readonly code = 'TURNPIKE_LESSOR_BALANCING';

  constructor(id: string) {
    super(`The lessor "${id}" cannot balance: make it a StoreLessor on a LeaseStore, or choose another lessor.`);
  }
}
