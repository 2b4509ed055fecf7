import { execute } from 'nestjs-turnpike/dialect';
import type { Clock } from 'nestjs-turnpike/timing';
import type { OutboxDb } from './typeorm/outbox-db.js';

const EVERY_MS = 600_000;
const ROWS_PER_STATEMENT = 1000;

/** Forgets by and by which messages were processed long ago: short statements, by the index on processed_at. */
export class InboxPruner {
  private readonly end = new AbortController();
  private running: Promise<void> | undefined;

  constructor(
    private readonly db: OutboxDb,
    private readonly retentionMs: number,
    private readonly clock: Clock,
    private readonly onError: (error: unknown) => void,
  ) {}

  start(): void {
    if (this.retentionMs !== Infinity) this.running ??= this.run();
  }

  async stop(): Promise<void> {
    this.end.abort();
    await this.running;
  }

  /** Deletes all that is older than the retention. Gives how many records that were. */
  async prune(): Promise<number> {
    let pruned = 0;
    for (let some = ROWS_PER_STATEMENT; some === ROWS_PER_STATEMENT && !this.end.signal.aborted; pruned += some) {
      some = await this.pruneSome();
    }
    return pruned;
  }

  private async run(): Promise<void> {
    const { signal } = this.end;
    while (!signal.aborted) {
      await this.prune().catch(this.onError);
      await this.clock.sleep(EVERY_MS, signal).catch(() => undefined);
    }
  }

  private async pruneSome(): Promise<number> {
    const { dataSource, dialect, tables } = this.db;
    const p = dialect.parameters();
    const old = `processed_at < ${dialect.nowMs} - ${p.add(this.retentionMs)} limit ${ROWS_PER_STATEMENT}`;
    // Each database has a name for a row's place, by which it deletes some of many without an index of its own.
    const statement = {
      postgres: `delete from ${tables.inbox} where ctid = any(array(select ctid from ${tables.inbox} where ${old}))`,
      sqlite: `delete from ${tables.inbox} where rowid in (select rowid from ${tables.inbox} where ${old})`,
      mysql: `delete from ${tables.inbox} where ${old}`,
    }[dialect.kind];
    return (await execute(dataSource, statement, p.values)).affected;
  }
}
