import type { DataSource, QueryRunner } from 'typeorm';
import type { NewEntry } from '../core/message.js';
import { TransactionEntries, type Committed } from '../core/transaction-entries.js';
import { ForeignTransactionError, TransactionRequiredError } from '../outbox.errors.js';
import { transactionStatement } from './transaction-statement.js';

export interface TransactionHookOptions {
  readonly dataSource: DataSource;
  /** Writes the entries inside the transaction, right before its COMMIT; when it rejects, the transaction rolls back. */
  readonly write: (runner: QueryRunner, entries: readonly NewEntry[]) => Promise<void>;
  /** After the COMMIT. It must not throw: the commit has happened. */
  readonly onCommitted: (committed: Committed) => void;
  /** Entries were never written: a COMMIT that TypeORM did not see, or the connection was given back. */
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
 *
 * Savepoints of the user's own, and a raw ROLLBACK, are seen as they pass through the runner. A raw COMMIT is too late for
 * us when it has passed: it is reported as the loss it is.
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
      this.wrapQuery(runner, entries);
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
          else this.committed(entries.committed());
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

  private committed(committed: Committed): void {
    if (committed.shards.length > 0 || committed.delayed) this.options.onCommitted(committed);
  }

  private wrapQuery(runner: QueryRunner, entries: TransactionEntries): void {
    const query = runner.query.bind(runner) as (sql: string, ...rest: unknown[]) => Promise<unknown>;
    const watched = async (sql: string, ...rest: unknown[]): Promise<unknown> => {
      const statement = transactionStatement(sql);
      if (!statement) return query(sql, ...rest);
      const before = entries.unwritten;
      const result = await query(sql, ...rest);
      switch (statement.kind) {
        case 'savepoint':
          if (!isTypeOrms(statement.name)) entries.savepointSet(statement.name, before);
          break;
        case 'rollback to':
          if (!isTypeOrms(statement.name)) entries.rolledBackTo(statement.name, before);
          break;
        case 'release':
          if (!isTypeOrms(statement.name)) entries.savepointReleased(statement.name);
          break;
        case 'rollback': // TypeORM's own, too: then there is nothing left to forget
          entries.rolledBack(0);
          break;
        case 'commit':
          this.lost(entries);
      }
      return result;
    };
    runner.query = watched as typeof runner.query;
  }

  private lost(entries: TransactionEntries): void {
    if (entries.unwritten === 0) return;
    this.options.onLost(entries.unwritten);
    entries.rolledBack(0);
  }

  private wrapRelease(runner: QueryRunner, entries: TransactionEntries): void {
    const release = runner.release.bind(runner);
    runner.release = async () => {
      this.lost(entries);
      await release();
    };
  }
}

/** A nested transaction of TypeORM's, which it tells its subscribers about. */
function isTypeOrms(savepoint: string): boolean {
  return /^typeorm_\d+$/.test(savepoint);
}

function internals(runner: QueryRunner): RunnerInternals {
  return runner as unknown as RunnerInternals;
}
