import { createRequire } from 'node:module';
import { OutboxError } from '../outbox.errors.js';

/** A publisher's client is a peer dependency that only its users install, and here it is not. */
export class ClientMissingError extends OutboxError {
  readonly code = 'TURNPIKE_CLIENT_MISSING';

  constructor(publisher: string, packages: readonly string[]) {
    super(`${publisher} needs ${packages.join(' and ')}: npm install ${packages.join(' ')}`);
  }
}

/**
 * Throws a `ClientMissingError` when one of the packages is not installed where `require` looks for it. A publisher asks when
 * it is made, which stops the start of an app that lacks its client; it loads the client with its first connection.
 */
export function checkInstalled(
  publisher: string,
  packages: readonly string[],
  require: NodeJS.Require = createRequire(import.meta.url),
): void {
  for (const name of packages) {
    try {
      require.resolve(name);
    } catch (error) {
      // Another code means that it is there, for `import` alone.
      if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND')
        throw new ClientMissingError(publisher, packages);
    }
  }
}
