import { createRequire } from 'node:module';
import { MsgpackrMissingError } from '../queue.errors.js';

export type Library = typeof import('msgpackr');

/**
 * A codec is made by a plain call, so its library cannot be awaited; and a static import would have everybody install it.
 * Throws a `MsgpackrMissingError` when it is not installed where `require` looks for it.
 */
export function loadMsgpackr(require: NodeJS.Require = createRequire(import.meta.url)): Library {
  try {
    return require('msgpackr') as Library;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new MsgpackrMissingError(error);
  }
}
