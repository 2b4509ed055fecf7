import { EXIT, type ExitCode } from './core/exit-codes.js';

/** Base of what ends a command; its message is all that is printed. */
export abstract class CliError extends Error {
  abstract readonly code: string;
  abstract readonly exitCode: ExitCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The arguments make no sense. */
export class UsageError extends CliError {
  readonly code = 'TURNPIKE_USAGE';
  readonly exitCode = EXIT.usage;
}

/** The database is not named, or cannot be reached. */
export class ConnectError extends CliError {
  readonly code = 'TURNPIKE_CONNECT';
  readonly exitCode = EXIT.failed;
}

/** A person said no, or there is none to ask. */
export class DeclinedError extends CliError {
  readonly code = 'TURNPIKE_DECLINED';
  readonly exitCode = EXIT.declined;
}

export class InterruptedError extends CliError {
  readonly code = 'TURNPIKE_INTERRUPTED';
  readonly exitCode = EXIT.interrupted;

  constructor() {
    super('Interrupted. A statement that had been sent may still be carried out.');
  }
}
