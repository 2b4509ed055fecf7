import { randomUUID } from 'node:crypto';
import type BetterSqlite3 from 'better-sqlite3';
import { type Clock } from 'nestjs-turnpike/timing';
import {
  type BatchStore,
  type Claim,
  type NewBatch,
  type Replacement,
  type StoredDeadLetter,
  type StoreStats,
} from '../core/batch-store.js';
import { CodecMismatchError } from '../queue.errors.js';
import { type FileOptions } from '../queue.options.js';
import { fileError, QueueFileError } from './queue-file.errors.js';
import { prepareSchema } from './schema.js';
import { SharedTransactions, unlessBusy } from './shared-transactions.js';
import { prepareStatements, type FileStatements } from './statements.js';

export interface SqliteFileStoreOptions {
  readonly queue: string;
  readonly file: FileOptions;
  /** All processes that share a file run on its machine, so its clock decides. */
  readonly clock: Clock;
}

/**
 * 16 MB. A checkpoint copies each page once, whatever happened to it: a batch that is processed before the next one
 * never reaches the database file. With SQLite's default of 1000, about a fifth fewer
 * items pass per second of CPU time.
 */
const CHECKPOINT_PAGES = 4000;

/**
 * Batches in a SQLite file (WAL), which several processes of one machine may share.
 *
 * It uses better-sqlite3 directly, as every call is one short transaction and TypeORM would add to its cost only.
 */
export class SqliteFileStore implements BatchStore {
  readonly shared = true;
  private db: BetterSqlite3.Database | undefined;
  private transactions: SharedTransactions | undefined;
  private statements!: FileStatements;

  constructor(private readonly options: SqliteFileStoreOptions) {}

  async open(codec: string): Promise<void> {
    const { file } = this.options;
    const Database = await loadDriver(file.path);
    let db: BetterSqlite3.Database | undefined;
    try {
      db = new Database(file.path, { timeout: 0 });
      await this.prepare(db, codec);
      this.db = db;
      this.transactions = new SharedTransactions(db);
    } catch (error) {
      db?.close();
      throw error instanceof TypeError
        ? new QueueFileError(file.path, 'notWritable', error)
        : fileError(file.path, error);
    }
  }

  append(batches: readonly NewBatch[]): Promise<void> {
    return this.write((nowMs) => this.insert(nowMs, batches));
  }

  claim(limit: number, claimMs: number): Promise<Claim | undefined> {
    return this.write((nowMs) => {
      const batches = this.statements.available.all(nowMs, limit);
      if (batches.length === 0) return undefined;
      const token = randomUUID();
      for (const { id } of batches) this.statements.take.run(token, nowMs + claimMs, id);
      return { token, batches: batches.toSorted((a, b) => a.id - b.id) };
    });
  }

  async nextDueInMs(): Promise<number | undefined> {
    const atMs = (await this.read(({ nextDueAt }) => nextDueAt.get()))?.atMs;
    return typeof atMs === 'number' ? Math.max(0, atMs - this.options.clock.now()) : undefined;
  }

  renew(claim: Claim, claimMs: number): Promise<boolean> {
    return this.write((nowMs) => this.each(claim, (id) => this.statements.renew.run(nowMs + claimMs, id, claim.token)));
  }

  complete(claim: Claim): Promise<boolean> {
    return this.write(() => this.remove(claim));
  }

  release(claim: Claim, cooldownMs: number): Promise<boolean> {
    return this.write((nowMs) =>
      this.each(claim, (id) => {
        const { giveBack, release } = this.statements;
        return cooldownMs > 0 ? release.run(nowMs + cooldownMs, id, claim.token) : giveBack.run(id, claim.token);
      }),
    );
  }

  replace(claim: Claim, { rest, deadLetters }: Replacement): Promise<boolean> {
    return this.write((nowMs) => {
      const { held, bury } = this.statements;
      if (!claim.batches.every(({ id }) => held.get(id, claim.token))) return false;
      this.remove(claim);
      for (const { codec, error, data } of deadLetters) bury.run(nowMs, codec, error, data);
      this.insert(nowMs, rest);
      return true;
    });
  }

  listDeadLetters(limit: number, afterId: number): Promise<StoredDeadLetter[]> {
    return this.read(({ listDead }) => listDead.all(afterId, limit));
  }

  requeueDeadLetters(ids: readonly number[]): Promise<number> {
    return this.write((nowMs) => {
      const letters = [...new Set(ids)]
        .map((id) => this.statements.dead.get(id))
        .filter((letter) => letter !== undefined);
      this.insert(
        nowMs,
        letters.map((letter) => ({ ...letter, items: 1 })),
      );
      for (const id of ids) this.statements.purgeDead.run(id);
      return letters.length;
    });
  }

  purgeDeadLetters(ids: readonly number[]): Promise<number> {
    return this.write(() => ids.reduce((count, id) => count + this.statements.purgeDead.run(id).changes, 0));
  }

  async stats(): Promise<StoreStats> {
    const row = await this.read(({ stats }) => stats.get(this.options.clock.now()));
    return { batches: row?.batches ?? 0, items: row?.items ?? 0, oldestAgeMs: row?.oldestAgeMs ?? undefined };
  }

  async close(): Promise<void> {
    this.db?.close();
  }

  private async prepare(db: BetterSqlite3.Database, codec: string): Promise<void> {
    const { queue, file } = this.options;
    await unlessBusy(() => {
      // First: WAL writes to the file, which must not happen to one that is not ours.
      db.transaction(() => prepareSchema(db, queue)).immediate();
      db.pragma('journal_mode = WAL');
      db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      db.pragma(`synchronous = ${file.durable ? 'FULL' : 'NORMAL'}`);
    });
    this.statements = prepareStatements(db);
    const other = this.statements.otherCodec.get(codec);
    if (other) throw new CodecMismatchError(queue, other.codec, codec);
  }

  private insert(nowMs: number, batches: readonly NewBatch[]): void {
    for (const { codec, items, data } of batches) {
      const { lastInsertRowid } = this.statements.append.run(nowMs, nowMs, codec, items);
      this.statements.appendData.run(lastInsertRowid, data);
    }
  }

  private remove(claim: Claim): boolean {
    const { complete, completeData } = this.statements;
    return this.each(claim, (id) => {
      const removed = complete.run(id, claim.token);
      if (removed.changes > 0) completeData.run(id);
      return removed;
    });
  }

  private each(claim: Claim, statement: (id: number) => { changes: number }): boolean {
    let changed = 0;
    for (const { id } of claim.batches) changed += statement(id).changes;
    return changed === claim.batches.length;
  }

  /** In WAL mode a read waits only while another process opens or closes the file. */
  private async read<R>(work: (statements: FileStatements) => R): Promise<R> {
    try {
      return await unlessBusy(() => work(this.statements));
    } catch (error) {
      throw fileError(this.options.file.path, error);
    }
  }

  private async write<R>(work: (nowMs: number) => R): Promise<R> {
    const { options, transactions } = this;
    if (!transactions) throw new Error('The queue file is not open.');
    try {
      return await transactions.run(() => work(Math.floor(options.clock.now())));
    } catch (error) {
      throw fileError(options.file.path, error);
    }
  }
}

async function loadDriver(path: string): Promise<typeof BetterSqlite3> {
  try {
    return (await import('better-sqlite3')).default;
  } catch (error) {
    throw new QueueFileError(path, 'noDriver', error);
  }
}
