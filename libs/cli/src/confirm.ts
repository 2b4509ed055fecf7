import { createInterface } from 'node:readline/promises';
import { DeclinedError, InterruptedError } from './cli.errors.js';
import type { Terminal } from './terminal.js';

/**
 * Asks a person at the terminal. Anything but yes is a no, and where there is nobody to ask, `--yes` must have been given:
 * throws `DeclinedError`.
 */
export async function confirm(question: string, yes: boolean, terminal: Terminal): Promise<void> {
  const { stdin, stderr, signal } = terminal;
  if (yes) return;
  if (!stdin.isTTY || !stderr.isTTY) {
    throw new DeclinedError(`${question} There is no terminal to ask at: pass --yes if that is meant.`);
  }
  const lines = createInterface({ input: stdin, output: stderr });
  const interrupted = new AbortController();
  // While readline has the terminal, Ctrl-C comes to it, not as a signal. Ctrl-D closes it.
  lines.on('SIGINT', () => interrupted.abort());
  const closed = new AbortController();
  lines.on('close', () => closed.abort());
  try {
    const answer = await lines.question(`${question} [y/N] `, {
      signal: AbortSignal.any([signal, interrupted.signal, closed.signal]),
    });
    if (/^y(es)?$/i.test(answer.trim())) return;
  } catch (error) {
    stderr.write('\n');
    if (signal.aborted || interrupted.signal.aborted) throw new InterruptedError();
    if (!closed.signal.aborted) throw error;
  } finally {
    lines.close();
  }
  throw new DeclinedError('Nothing was done.');
}
