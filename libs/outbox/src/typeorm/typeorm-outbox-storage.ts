import { TypeOrmCheckpointStore } from 'nestjs-turnpike/checkpoint';
import type { QueryRunner } from 'typeorm';
import type { NewEntry, OrderKey, ParkedEntry, StoredEntry } from '../core/message.js';
import type { Pause } from '../core/outbox-operations.js';
import type {
  Backlog,
  Change,
  ClaimedShard,
  DueEntries,
  HeldKey,
  OpenedShard,
  OperatorRequest,
  OutboxStorage,
  ReadFrom,
  Rearranged,
} from '../core/outbox-storage.js';
import { backlogOf } from './backlog.js';
import type { OutboxDb } from './outbox-db.js';
import { pauses } from './pauses.js';
import { parsePosition, savePositions } from './positions.js';
import { readEntries, readEntriesBelow } from './read-entries.js';
import { rearrange } from './rearrange.js';
import { settleEntries } from './settle-entries.js';
import { STREAM } from './tables.js';
import { dueEntries, heldKeys, parkedOf, requests } from './waiting-entries.js';
import { writeEntries } from './write-entries.js';

/** The outbox's tables. A shard's token is the epoch of its checkpoint stream, in the same database as the entries. */
export class TypeOrmOutboxStorage implements OutboxStorage<QueryRunner> {
  private readonly checkpoints: TypeOrmCheckpointStore;

  constructor(private readonly db: OutboxDb) {
    this.checkpoints = new TypeOrmCheckpointStore(db.dataSource, { tablePrefix: db.tables.prefix });
  }

  publish(tx: QueryRunner, entries: readonly NewEntry[]): Promise<void> {
    return writeEntries(this.db, tx, entries);
  }

  async claim(shards: readonly number[]): Promise<OpenedShard[]> {
    const opened = await this.checkpoints.openAll(STREAM, shards.map(String));
    return [...opened].map(([partition, { epoch, position }]) => ({
      shard: Number(partition),
      token: epoch,
      position: parsePosition(position),
    }));
  }

  heldKeys(shards: readonly number[]): Promise<HeldKey[]> {
    return heldKeys(this.db, shards);
  }

  read(from: readonly ReadFrom[]): Promise<StoredEntry[]> {
    return readEntries(this.db, from);
  }

  readBelow(positions: readonly { readonly shard: number; readonly position: bigint }[]): Promise<StoredEntry[]> {
    return readEntriesBelow(this.db, positions);
  }

  async settle(sent: readonly { readonly claim: ClaimedShard; readonly ids: readonly bigint[] }[]) {
    return { fenced: await settleEntries(this.db, sent) };
  }

  rearrange(changes: readonly Change[]): Promise<Rearranged> {
    return rearrange(this.db, changes);
  }

  due(shards: readonly number[], destinations: readonly string[], limit: number): Promise<DueEntries> {
    return dueEntries(this.db, shards, destinations, limit);
  }

  parkedOf(keys: readonly (OrderKey & { readonly shard: number })[], limit: number): Promise<ParkedEntry[]> {
    return parkedOf(this.db, keys, limit);
  }

  requests(shards: readonly number[], limit: number): Promise<OperatorRequest[]> {
    return requests(this.db, shards, limit);
  }

  async savePositions(positions: readonly OpenedShard[]) {
    return { fenced: await savePositions(this.db, positions) };
  }

  pauses(): Promise<Pause[]> {
    return pauses(this.db);
  }

  backlog(shards: readonly number[]): Promise<Backlog> {
    return backlogOf(this.db, shards);
  }
}
