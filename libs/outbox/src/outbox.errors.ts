/** Base of everything that the outbox throws. */
export abstract class OutboxError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A message was to be published where no transaction is open: it could be saved without the rows it speaks of. */
export class TransactionRequiredError extends OutboxError {
  readonly code = 'TURNPIKE_TRANSACTION_REQUIRED';

  constructor(method: string) {
    super(
      `${method} needs an open transaction. Pass the EntityManager that dataSource.transaction() gave your callback, or ` +
        `a QueryRunner after startTransaction(); or call it inside @Transactional() of @nestjs-cls/transactional, with ` +
        `@Transactional() written above @Publishes().`,
    );
  }
}

/** The transaction runs on another database connection pool than the outbox's tables. */
export class ForeignTransactionError extends OutboxError {
  readonly code = 'TURNPIKE_FOREIGN_TRANSACTION';

  constructor() {
    super(
      `The transaction belongs to another DataSource than the outbox, so the two could not commit together. Publish in ` +
        `a transaction of the outbox's DataSource, or name yours in OutboxModule.forRoot({ dataSource }).`,
    );
  }
}

/** The message cannot be stored as it is. */
export class InvalidMessageError extends OutboxError {
  readonly code = 'TURNPIKE_INVALID_MESSAGE';

  constructor(topic: unknown, problem: string, options?: ErrorOptions) {
    super(`The message for topic ${JSON.stringify(topic) ?? String(topic)} cannot be published: ${problem}`, options);
  }
}

/** The tables are missing, or were made for other settings. */
export class OutboxSchemaError extends OutboxError {
  readonly code = 'TURNPIKE_OUTBOX_SCHEMA';
}

/** What `Publisher.publish` throws when some of the messages were not sent. */
export class PublishError extends OutboxError {
  readonly code = 'TURNPIKE_PUBLISH';
  readonly errorCount: number;

  /** `errors` has one entry per message of the call, in its order; undefined stands for one that was sent. */
  constructor(readonly errors: readonly (Error | undefined)[]) {
    const failed = errors.filter((error) => error !== undefined);
    super(`${failed.length} of ${errors.length} messages were not sent: ${failed[0]?.message ?? ''}`);
    this.errorCount = failed.length;
  }
}

/**
 * A publisher throws it when its destination is away: a lost connection, a server that is starting. The destination is
 * paused and probed with backoff, and no message's attempt is counted.
 */
export class PublisherUnavailableError extends OutboxError {
  readonly code = 'TURNPIKE_PUBLISHER_UNAVAILABLE';
}

/** A publisher throws it for what the destination will never take: the message goes to the dead letters at once. */
export class NonRetryableError extends OutboxError {
  readonly code = 'TURNPIKE_NON_RETRYABLE';
}

/** A topic was delivered to a process that has no `@OnOutboxMessage` for it. */
export class NoHandlerError extends OutboxError {
  readonly code = 'TURNPIKE_NO_HANDLER';

  constructor(topic: string) {
    super(
      `No method of this process has @OnOutboxMessage(${JSON.stringify(topic)}). Add a provider with one to a module that ` +
        `the app imports, or give OutboxModule.forRoot() a publisher. The message stays and is tried again.`,
    );
  }
}

/** A decorator of the outbox stands where it cannot work. */
export class OutboxSetupError extends OutboxError {
  readonly code = 'TURNPIKE_OUTBOX_SETUP';
}

/** An entry names a destination that this process has no publisher for. */
export class UnknownDestinationError extends OutboxError {
  readonly code = 'TURNPIKE_UNKNOWN_DESTINATION';

  constructor(destination: string) {
    super(
      `OutboxModule.forRoot({ publishers }) has no ${JSON.stringify(destination)}, which a message was routed to. Add it ` +
        `here, or let a process that has it take over. The message stays and is tried again.`,
    );
  }
}

/** Other transactions that publish to the same shards did not commit or roll back in time. */
export class PublishLockTimeoutError extends OutboxError {
  readonly code = 'TURNPIKE_PUBLISH_LOCK_TIMEOUT';

  constructor(timeoutMs: number, options?: ErrorOptions) {
    super(
      `The messages could not be written within publishLockTimeoutMs (${timeoutMs}): another transaction that publishes to ` +
        `the same shard is between its last statement and its COMMIT. The transaction was not committed; run it again, and ` +
        `look for a connection that is "idle in transaction".`,
      options,
    );
  }
}
