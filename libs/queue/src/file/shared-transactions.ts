import { setImmediate as endOfTurn } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';
import { isBusy } from './queue-file.errors.js';

interface Write {
  readonly work: () => unknown;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

const BUSY_RETRY_MS = 5;
const BUSY_TIMEOUT_MS = 5000;

/**
 * Runs the writes of one turn of the event loop in one transaction, in their order, so that they share one sync of the
 * disk: a commit, the next claim and the completion of what was processed meanwhile. As each waits for the end of its
 * turn, a worker with a large backlog leaves the event loop to others in between.
 *
 * One that fails takes no other along: each is then tried again in a transaction of its own. `work` may so be called
 * more than once, and does nothing but SQL.
 */
export class SharedTransactions {
  private writes: Write[] = [];
  private running: Promise<void> | undefined;
  private readonly runAll: (writes: readonly Write[]) => unknown[];

  constructor(db: Database) {
    this.runAll = db.transaction((writes: readonly Write[]) => writes.map(({ work }) => work())).immediate;
  }

  run<R>(work: () => R): Promise<R> {
    return new Promise((resolve, reject) => {
      this.writes.push({ work, resolve: resolve as Write['resolve'], reject });
      this.running ??= this.commitTurns();
    });
  }

  private async commitTurns(): Promise<void> {
    while (this.writes.length > 0) {
      await endOfTurn();
      const writes = this.writes;
      this.writes = [];
      await this.commit(writes);
    }
    this.running = undefined;
  }

  private async commit(writes: readonly Write[]): Promise<void> {
    let results: unknown[];
    try {
      results = await unlessBusy(() => this.runAll(writes));
    } catch (error) {
      if (writes.length > 1 && !isBusy(error)) for (const write of writes) await this.commit([write]);
      else for (const { reject } of writes) reject(error);
      return;
    }
    for (const [index, { resolve }] of writes.entries()) resolve(results[index]);
  }
}

/**
 * Tries again while another process holds the file. better-sqlite3 can wait by itself, but then with the whole process
 * stopped.
 */
export async function unlessBusy<R>(work: () => R): Promise<R> {
  const endMs = performance.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() >= endMs) throw error;
      await new Promise((retry) => setTimeout(retry, BUSY_RETRY_MS));
    }
  }
}
