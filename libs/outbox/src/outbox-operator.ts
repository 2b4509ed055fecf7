import { TypeOrmLeaseStore } from 'nestjs-turnpike/lessor';
import type { DataSource } from 'typeorm';
import type { Backlog } from './core/outbox-storage.js';
import type { PayloadCodec } from './core/payload-codec.js';
import { DeadLetters, HeldKeyList } from './dead-letters.js';
import { Notices } from './notices.js';
import { OutboxDatabase } from './outbox-database.js';
import { OutboxPauses } from './outbox-pauses.js';
import { ownersOf, type ShardOwner } from './outbox-status.js';
import { resolveOutboxOptions } from './outbox.options.js';

export interface OutboxOperatorOptions {
  /** Of an outbox with a name: `turnpike_<name>_`. Default: `turnpike_`. */
  readonly tablePrefix?: string;
  /** What the app's OutboxModule was given. Default: JSON. */
  readonly codec?: PayloadCodec;
  /** The relays could not be told of a request, and will find it when they poll. Default: nothing. */
  readonly onError?: (error: unknown) => void;
}

/**
 * What operators do with an outbox, from a process without a Nest app: a script, a job, a command line. Nothing is relayed
 * here; the relays of the apps carry out what is asked for.
 */
export class OutboxOperator {
  readonly deadLetters: DeadLetters;
  readonly heldKeys: HeldKeyList;
  readonly pauses: OutboxPauses;
  private readonly notices: Notices;
  private readonly leases: TypeOrmLeaseStore;

  private constructor(
    private readonly database: OutboxDatabase,
    { tablePrefix, codec, onError = () => undefined }: OutboxOperatorOptions,
  ) {
    const { operations, dataSource, db } = database;
    this.notices = new Notices(db, onError);
    this.leases = new TypeOrmLeaseStore(dataSource, tablePrefix === undefined ? {} : { tablePrefix });
    const requested = (shards: readonly number[]): void => this.notices.tell(shards, true);
    this.deadLetters = new DeadLetters(operations, codec, requested);
    this.heldKeys = new HeldKeyList(operations, requested);
    this.pauses = new OutboxPauses(operations, () => requested([]));
  }

  /** The DataSource must be initialized, and stays open. Throws `OutboxSchemaError` when the tables are missing or do not fit. */
  static async open(dataSource: DataSource, options: OutboxOperatorOptions = {}): Promise<OutboxOperator> {
    const { tablePrefix } = options;
    const resolved = resolveOutboxOptions(tablePrefix === undefined ? {} : { tablePrefix });
    return new OutboxOperator(await OutboxDatabase.open(dataSource, resolved), options);
  }

  /** How many the tables were made for. */
  get shards(): number {
    return this.database.shards;
  }

  /** What is in the tables, of all shards. Counts end at 100,000: with more rows it would take too long. */
  backlog(): Promise<Backlog> {
    return this.database.storage.backlog([...Array(this.shards).keys()]);
  }

  /** Who relays which shards right now, in order. A shard that nobody relays is not among them. */
  owners(): Promise<ShardOwner[]> {
    return ownersOf(this.leases);
  }

  /** How many requests to requeue, purge or release, of whomever, the relays have still to carry out. */
  outstanding(): Promise<number> {
    return this.database.operations.outstanding();
  }

  /** Resolves when the relays were told of all that was asked for. Call it before the DataSource is destroyed. */
  async close(): Promise<void> {
    await this.notices.told();
  }
}
