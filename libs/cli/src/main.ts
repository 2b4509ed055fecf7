#!/usr/bin/env node
import { EXIT } from './core/exit-codes.js';
import { run } from './run.js';

const interruption = new AbortController();

/** The first one lets what is under way come to an end, the second does not wait for it. */
function interrupt(): void {
  if (interruption.signal.aborted) process.exit(EXIT.interrupted);
  interruption.abort();
}

process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);
// Whoever reads our output may have had enough of it, as `head` has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed);
});

const { stdin, stdout, stderr, env } = process;
const code = await run(process.argv.slice(2), {
  stdin,
  stdout,
  stderr,
  env,
  cwd: process.cwd(),
  signal: interruption.signal,
});
process.exitCode = code;
// A statement that waits in the server would keep the process alive.
if (code === EXIT.interrupted) process.exit();
