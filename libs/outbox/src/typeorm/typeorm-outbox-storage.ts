import type { CheckpointStore } from 'nestjs-turnpike/checkpoint';
import type { DataSource } from 'typeorm';
import type { ParkedEntry, StoredEntry } from '../core/message.js';
import type {
  ClaimedShard,
  DueEntries,
  Fenced,
  HeldKey,
  OutboxStorage,
  ParkedOutcome,
  Retry,
} from '../core/outbox-storage.js';
import * as parked from './parked-entries.js';
import { readEntries } from './read-entries.js';
import { settleEntries } from './settle-entries.js';
import { STREAM } from './tables.js';

const FENCED = { fenced: true } as const;

/** The outbox's tables. A shard's token is the epoch of its checkpoint stream, in the same database as the entries. */
export class TypeOrmOutboxStorage implements OutboxStorage {
  constructor(
    private readonly dataSource: DataSource,
    private readonly checkpoints: CheckpointStore,
  ) {}

  async claim(shards: readonly number[]): Promise<ClaimedShard[]> {
    const opened = await this.checkpoints.openAll(STREAM, shards.map(String));
    return [...opened].map(([partition, { epoch }]) => ({ shard: Number(partition), token: epoch }));
  }

  heldKeys(shards: readonly number[]): Promise<HeldKey[]> {
    return parked.heldKeys(this.dataSource, shards);
  }

  read(from: readonly { readonly shard: number; readonly after: bigint }[], limit: number): Promise<StoredEntry[]> {
    return readEntries(this.dataSource, from, limit);
  }

  async settle(
    sent: readonly { readonly claim: ClaimedShard; readonly id: bigint }[],
  ): Promise<{ fenced: readonly number[] }> {
    return { fenced: await settleEntries(this.dataSource, sent) };
  }

  async park(claim: ClaimedShard, failed: readonly Retry[], behind: readonly bigint[]): Promise<Fenced> {
    return (await parked.park(this.dataSource, claim, failed, behind)) ? { fenced: false } : FENCED;
  }

  due(shards: readonly number[], limit: number): Promise<DueEntries> {
    return parked.dueEntries(this.dataSource, shards, limit);
  }

  parkedOf(head: ParkedEntry, limit: number): Promise<ParkedEntry[]> {
    return parked.parkedOf(this.dataSource, head, limit);
  }

  async settleParked(outcome: ParkedOutcome): Promise<Fenced<{ readonly head: bigint | undefined }>> {
    const settled = await parked.settleParked(this.dataSource, outcome);
    return settled ? { fenced: false, head: settled.head } : FENCED;
  }
}
