/** Base of everything that `checkpoint` throws, but for a RangeError for an option out of range. */
export abstract class CheckpointError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A payload came after a higher one. */
export class CheckpointOrderError extends CheckpointError {
  readonly code = 'TURNPIKE_CHECKPOINT_ORDER';

  constructor(
    readonly payload: unknown,
    readonly before: unknown,
  ) {
    super(
      `Payload ${shown(payload)} is lower than ${shown(before)}, which came before it. Track payloads in their order: where ` +
        `several callers read one source, call track before anything that they await.`,
    );
  }
}

/** A payload that cannot be what it should be: compared, or stored as JSON. */
export class CheckpointPayloadError extends CheckpointError {
  readonly code = 'TURNPIKE_CHECKPOINT_PAYLOAD';

  constructor(
    readonly payload: unknown,
    problem: string,
  ) {
    super(`Payload ${shown(payload)} ${problem}`);
  }
}

/** A newer owner has opened the checkpoint: it goes on from what was committed, and this stream is over. */
export class CheckpointFencedError extends CheckpointError {
  readonly code = 'TURNPIKE_CHECKPOINT_FENCED';

  constructor(
    readonly stream: string,
    readonly partition: string,
    readonly epoch: bigint,
  ) {
    super(
      `${named(stream, partition)} was opened by a newer owner than this one (epoch ${epoch}). Stop the work of this ` +
        `stream: the new owner repeats what was not committed. If both should run, give each its own partition.`,
    );
  }
}

/** The stream was closed, or the app is closing. */
export class CheckpointClosedError extends CheckpointError {
  readonly code = 'TURNPIKE_CHECKPOINT_CLOSED';

  constructor(stream: string, partition: string, advice = 'open it again to track on') {
    super(`${named(stream, partition)} is closed: ${advice}.`);
  }
}

/** The store did not take a position; `cause` says why. */
export class CheckpointCommitError extends CheckpointError {
  readonly code = 'TURNPIKE_CHECKPOINT_COMMIT';

  constructor(stream: string, partition: string, cause: unknown) {
    super(
      `${named(stream, partition)} could not be saved. An open stream tries again by itself; what is uncommitted at ` +
        `the end is repeated by the next owner. The store said: ${String(cause)}`,
      { cause },
    );
  }
}

/** The module keeps checkpoints in a DataSource that the app does not have. */
export class CheckpointDataSourceError extends CheckpointError {
  readonly code = 'TURNPIKE_CHECKPOINT_DATA_SOURCE';

  constructor(name: string | undefined) {
    const which = name === undefined ? 'the default DataSource' : `the DataSource "${name}"`;
    super(`CheckpointModule needs ${which}: import TypeOrmModule.forRoot() with it, or give the option \`store\`.`);
  }
}

/** forFeature without forRoot. */
export class CheckpointModuleMissingError extends CheckpointError {
  readonly code = 'TURNPIKE_CHECKPOINT_MODULE_MISSING';

  constructor(stream: string) {
    super(`The checkpoint "${stream}" needs CheckpointModule.forRoot() among the imports of your root module.`);
  }
}

function named(stream: string, partition: string): string {
  return partition === '' ? `Checkpoint "${stream}"` : `Checkpoint "${stream}", partition "${partition}",`;
}

/** An object may be large, and is in the error's fields anyway. */
function shown(payload: unknown): string {
  if (typeof payload === 'object' && payload !== null) return '(an object)';
  return typeof payload === 'string' ? JSON.stringify(payload) : String(payload);
}
