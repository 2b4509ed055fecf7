import { CommanderError } from 'commander';
import { CliError } from './cli.errors.js';
import { Context, type GlobalOptions } from './context.js';
import { Secrets } from './core/secrets.js';
import { EXIT, type ExitCode } from './core/exit-codes.js';
import { makeProgram } from './program.js';
import type { Terminal } from './terminal.js';

/** Runs one command line, without its `node` and its script, and gives the exit code. Never rejects. */
export async function run(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const secrets = new Secrets();
  let exitCode: ExitCode = EXIT.done;
  const program = makeProgram(terminal, async (options, command) => {
    exitCode = await command(new Context(terminal, options, secrets));
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // It has printed what there is to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const { reporter } = new Context(terminal, program.opts<GlobalOptions>(), secrets);
    const { code, message } = described(error);
    reporter.error(code, secrets.hideIn(message));
    return error instanceof CliError ? error.exitCode : EXIT.failed;
  }
}

function described(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: 'TURNPIKE_FAILED', message: String(error) };
  const { code } = error as { readonly code?: unknown };
  const ours = typeof code === 'string' && code.startsWith('TURNPIKE_');
  return { code: ours ? code : 'TURNPIKE_FAILED', message: error.message || error.name };
}
