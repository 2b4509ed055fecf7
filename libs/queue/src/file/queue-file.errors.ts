import { QueueError } from '../queue.errors.js';

export type QueueFileProblem =
  'noDriver' | 'notADatabase' | 'foreign' | 'newerVersion' | 'otherQueue' | 'notWritable' | 'full' | 'other';

const ADVICE: Readonly<Record<QueueFileProblem, string>> = {
  noDriver: 'better-sqlite3 is not installed: npm install better-sqlite3',
  notADatabase: 'it is no SQLite database, or it is damaged. Nothing was changed: choose another path, or restore it',
  foreign: 'it is a SQLite database of something else. Nothing was changed: choose another path',
  newerVersion: 'a newer version of nestjs-turnpike wrote it. Nothing was changed: update this process',
  otherQueue: 'it holds another queue. Nothing was changed: give each queue a file of its own',
  notWritable: 'it cannot be opened for writing: its folder must exist, and both must be writable',
  full: 'the disk is full. What was stored stays as it is: make room',
  other: 'SQLite failed',
};

/** A queue's file cannot be used, or not at the moment. `problem` says why, the message names the file. */
export class QueueFileError extends QueueError {
  readonly code = 'TURNPIKE_QUEUE_FILE';

  constructor(
    readonly path: string,
    readonly problem: QueueFileProblem,
    cause?: unknown,
  ) {
    const detail = cause instanceof Error ? ` (${cause.message})` : '';
    super(`The queue file ${path}: ${ADVICE[problem]}${detail}.`, { cause });
  }
}

/** What better-sqlite3 threw, as a `QueueFileError`; anything else as it is. */
export function fileError(path: string, error: unknown): unknown {
  const code = sqliteCode(error);
  if (code === undefined) return error;
  return new QueueFileError(path, problemOf(code), error);
}

export function isBusy(error: unknown): boolean {
  return sqliteCode(error)?.startsWith('SQLITE_BUSY') ?? false;
}

function problemOf(code: string): QueueFileProblem {
  if (code.startsWith('SQLITE_NOTADB') || code.startsWith('SQLITE_CORRUPT')) return 'notADatabase';
  if (code.startsWith('SQLITE_READONLY') || code.startsWith('SQLITE_CANTOPEN')) return 'notWritable';
  return code.startsWith('SQLITE_FULL') ? 'full' : 'other';
}

function sqliteCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && code.startsWith('SQLITE_') ? code : undefined;
}
