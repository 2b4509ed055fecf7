import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { DeclinedError, InterruptedError } from './cli.errors.js';
import { confirm } from './confirm.js';
import type { Terminal } from './terminal.js';

/** A person at a terminal. */
function person(isTTY = true) {
  const stdin = Object.assign(new PassThrough(), { isTTY });
  const stderr = Object.assign(new PassThrough(), { isTTY });
  const ctrlC = new AbortController();
  const terminal: Terminal = { stdin, stderr, stdout: new PassThrough(), env: {}, cwd: '.', signal: ctrlC.signal };
  const shown = text(stderr);
  const seen = async (): Promise<string> => {
    stderr.end();
    return shown;
  };
  return { stdin, ctrlC, terminal, seen };
}

describe('A question', () => {
  it.each(['y', 'Y', 'yes', ' YES '])('is answered with yes by %j', async (answer) => {
    const { stdin, terminal, seen } = person();
    const asked = confirm('Delete all?', false, terminal);
    stdin.write(`${answer}\n`);
    await expect(asked).resolves.toBeUndefined();
    expect(await seen()).toContain('Delete all? [y/N]');
  });

  it.each(['', 'n', 'no', 'yess', 'purge'])('and with no by %j', async (answer) => {
    const { stdin, terminal } = person();
    const asked = confirm('Delete all?', false, terminal);
    stdin.write(`${answer}\n`);
    await expect(asked).rejects.toThrow(DeclinedError);
  });

  it('is answered with no by the end of the input', async () => {
    const { stdin, terminal } = person();
    const asked = confirm('Delete all?', false, terminal);
    stdin.end();
    await expect(asked).rejects.toThrow(DeclinedError);
  });

  it('is interrupted by Ctrl-C: as a signal, or as readline takes it from the terminal', async () => {
    const first = person();
    const asked = confirm('Delete all?', false, first.terminal);
    first.ctrlC.abort();
    await expect(asked).rejects.toThrow(InterruptedError);
    const second = person();
    const again = confirm('Delete all?', false, second.terminal);
    second.stdin.write('\u0003');
    await expect(again).rejects.toThrow(InterruptedError);
  });

  it('is not asked where --yes was given, and refused where there is no terminal', async () => {
    const { terminal, seen } = person(false);
    await expect(confirm('Delete all?', true, terminal)).resolves.toBeUndefined();
    await expect(confirm('Delete all?', false, terminal)).rejects.toThrow(/--yes/);
    expect(await seen()).toBe('');
  });
});
