/** Base of everything that `dialect` throws. */
export abstract class DialectError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The DataSource's driver or its server is one that Turnpike's statements do not run on. */
export class UnsupportedDatabaseError extends DialectError {
  readonly code = 'TURNPIKE_UNSUPPORTED_DATABASE';

  constructor(found: string) {
    super(
      `Turnpike needs Postgres 15 or newer, MySQL 8.4 or newer, MariaDB 10.11 or newer, or SQLite 3.42 or newer through ` +
        `better-sqlite3, but the DataSource uses ${found}.`,
    );
  }
}

/** A statement inside an open SQLite transaction would wait for that very transaction to end. */
export class SqliteDeadlockError extends DialectError {
  readonly code = 'TURNPIKE_SQLITE_DEADLOCK';

  constructor(statement: string) {
    super(
      `This statement runs on another QueryRunner than the open transaction around it, and SQLite has one connection, ` +
        `so it would wait for itself for ever: ${statement.slice(0, 200)}. Run it on the transaction's own manager: the ` +
        `EntityManager that dataSource.transaction() passes to its callback, queryRunner.manager, or TransactionHost.tx.`,
    );
  }
}

/** LISTEN succeeded, and then a notification that was sent to the channel did not come. */
export class NotificationsUnheardError extends DialectError {
  readonly code = 'TURNPIKE_NOTIFICATIONS_UNHEARD';

  constructor(channel: string) {
    super(
      `No notification of channel ${channel} arrives, as behind a connection pooler in transaction mode: what other processes ` +
        `do is found by polling, which takes longer. Let the DataSource connect to Postgres itself, or by a pooler in session mode.`,
    );
  }
}
