import type { TypeOrmLeaseStore } from 'nestjs-turnpike/lessor';
import type { Backlog } from './core/outbox-storage.js';
import type { OutboxDatabase } from './outbox-database.js';
import { SECTION, type OutboxRuntime } from './outbox-runtime.js';

export interface ShardOwner {
  readonly shard: number;
  /** The `processId` of the process that relays it. */
  readonly processId: string;
  /** ms until its lease ends unless it is renewed, by the database's clock. */
  readonly endsInMs: number;
}

/**
 * What one outbox has stored and who relays it, in all processes: for dashboards and for people who look. Each read is a
 * statement or two; ask once a second rather than once a request. What this process does is in `OutboxRelay.stats()`.
 */
export class OutboxStatus {
  constructor(
    /** As in `OutboxModule.forRoot({ name })`; undefined for the only one. */
    readonly name: string | undefined,
    private readonly database: OutboxDatabase,
    private readonly runtime: OutboxRuntime,
  ) {}

  /** How many shards the tables were made for. */
  get shards(): number {
    return this.database.shards;
  }

  /** What this process is called among the owners of shards; new with every start. */
  get processId(): string {
    return this.runtime.memberId;
  }

  /** Messages that this process has published since its start: counted when their transactions have committed. */
  get published(): number {
    return this.runtime.published;
  }

  /** What is in the tables, of all shards. Counts end at 100,000: with more rows it would take too long. */
  backlog(): Promise<Backlog> {
    return this.database.storage.backlog([...Array(this.shards).keys()]);
  }

  /** Who relays which shards right now, in order. A shard that nobody relays is not among them. */
  async owners(): Promise<ShardOwner[]> {
    return ownersOf(this.runtime.leases);
  }
}

export async function ownersOf(store: TypeOrmLeaseStore): Promise<ShardOwner[]> {
  const leases = await store.leases(SECTION);
  return leases.flatMap(({ partition: { low, high }, holder, endsInMs }) =>
    Array.from({ length: Number(high - low) }, (_, n) => ({ shard: Number(low) + n, processId: holder, endsInMs })),
  );
}
