import type { Context } from './context.js';
import type { ExitCode } from './core/exit-codes.js';

/** What a command does once its arguments are understood. */
export type Action = (context: Context) => Promise<ExitCode>;

/** Has the command's action run: each builder calls it from commander's `action`. */
export type Perform = (action: Action) => Promise<void>;
