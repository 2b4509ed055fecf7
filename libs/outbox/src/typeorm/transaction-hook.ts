import type { DataSource, QueryRunner } from 'typeorm';
import type { NewEntry } from '../core/message.js';
import { TransactionEntries } from '../core/transaction-entries.js';
import { ForeignTransactionError, TransactionRequiredError } from '../outbox.errors.js';

export interface TransactionHookOptions {
  readonly dataSource: DataSource;
  /** Writes the entries inside the transaction, right before its COMMIT; when it rejects, the transaction rolls back. */
  readonly write: (runner: QueryRunner, entries: readonly NewEntry[]) => Promise<void>;
  /** After the COMMIT. It must not throw: the commit has happened. */
  readonly onCommitted: () => void;
  /** The connection was given back with entries that were never written: a COMMIT that TypeORM did not see. */
  readonly onLost: (count: number) => void;
}

/** What we use of TypeORM's runner that its types keep to themselves. */
interface RunnerInternals {
  readonly transactionDepth: number;
  readonly broadcaster: { broadcast(event: string, ...args: unknown[]): Promise<void> };
}

/**
 * Writes a transaction's entries right before its outermost COMMIT.
 *
 * TypeORM tells its subscribers `BeforeTransactionCommit` and then sends the COMMIT. We wrap the telling, on the one
 * runner, and write after all of them: a subscriber of ours would run beside its siblings, in `Promise.all`. When a sibling
 * rejected, our statement could then run after the ROLLBACK, in autocommit; and what a sibling publishes late would be
 * missed. A nested transaction is a savepoint, and its rollback takes only its own entries.
 */
export class TransactionHook {
  private readonly attached = new WeakMap<QueryRunner, TransactionEntries>();

  constructor(private readonly options: TransactionHookOptions) {}

  /** Throws unless entries could be added now. */
  require(runner: QueryRunner | undefined, method: string): asserts runner is QueryRunner {
    if (!runner?.isTransactionActive || runner.isReleased) throw new TransactionRequiredError(method);
    if (runner.dataSource !== this.options.dataSource) throw new ForeignTransactionError();
    // Between the write and the end of COMMIT it is too late: nothing would write them.
    if (this.attached.get(runner)?.committing) throw new TransactionRequiredError(method);
  }

  add(runner: QueryRunner, entries: readonly NewEntry[]): void {
    this.entriesOf(runner).add(entries, internals(runner).transactionDepth);
  }

  private entriesOf(runner: QueryRunner): TransactionEntries {
    let entries = this.attached.get(runner);
    if (!entries) {
      entries = new TransactionEntries();
      this.attached.set(runner, entries);
      this.wrapBroadcast(runner, entries);
      this.wrapRelease(runner, entries);
    }
    return entries;
  }

  private wrapBroadcast(runner: QueryRunner, entries: TransactionEntries): void {
    const { broadcaster } = internals(runner);
    const broadcast = broadcaster.broadcast.bind(broadcaster);
    const depth = (): number => internals(runner).transactionDepth;
    broadcaster.broadcast = async (event, ...args) => {
      switch (event) {
        case 'BeforeTransactionCommit':
          await broadcast(event, ...args);
          if (depth() === 1) await this.options.write(runner, entries.beginCommit());
          return;
        case 'AfterTransactionCommit': // the depth has gone down by now
          if (depth() > 0) entries.released(depth() + 1);
          else if (entries.committed().length > 0) this.options.onCommitted();
          return broadcast(event, ...args);
        case 'BeforeTransactionRollback':
          entries.rolledBack(depth());
          return broadcast(event, ...args);
        case 'AfterTransactionRollback': // again, for what a subscriber published while the ROLLBACK ran
          entries.rolledBack(depth() + 1);
          return broadcast(event, ...args);
        default:
          return broadcast(event, ...args);
      }
    };
  }

  private wrapRelease(runner: QueryRunner, entries: TransactionEntries): void {
    const release = runner.release.bind(runner);
    runner.release = async () => {
      if (entries.unwritten > 0) {
        this.options.onLost(entries.unwritten);
        entries.rolledBack(0);
      }
      await release();
    };
  }
}

function internals(runner: QueryRunner): RunnerInternals {
  return runner as unknown as RunnerInternals;
}
