import { Checkpointer } from 'nestjs-turnpike/checkpoint';
import { ByOrderKey } from './by-order-key.js';
import { fromFlow, type Item } from './item.js';
import type { KeylessLane } from './keyless-lane.js';
import type { Lane } from './lane.js';
import type { StoredEntry } from './message.js';
import type { ClaimedShard, OpenedShard } from './outbox-storage.js';

/**
 * One shard, for as long as this process owns it under one token: how far it is read, how far all is settled, and the
 * lanes of its keys. Once it is closing, nothing of it goes out any more; what is under way is waited for.
 */
export class ShardWork {
  readonly claim: ClaimedShard;
  readonly lanes = new ByOrderKey<Lane>();
  /** By destination and namespace. */
  readonly keyless = new Map<string, KeylessLane>();
  /** Ids of keyless parked entries that are here, so that they are not loaded twice. */
  readonly loaded = new Set<bigint>();
  /** Ids of entries here that reading had passed over. */
  readonly late = new Set<bigint>();
  /** Something may have come that was not read. */
  dirty = true;
  /** The last read gave all that there was. */
  caughtUp = false;
  /** The last read gave as many entries as it was allowed to. */
  busy = false;
  /** How often it was read. */
  reads = 0;
  closing = false;
  private readonly settled: Checkpointer<bigint>;
  private readTo: bigint;
  private saved: bigint;
  private unfinished = 0;
  private closed: (() => void) | undefined;

  constructor({ shard, token, position }: OpenedShard) {
    this.claim = { shard, token };
    this.readTo = this.saved = position;
    this.settled = new Checkpointer();
  }

  get readUpTo(): bigint {
    return this.readTo;
  }

  /** All entries up to this id have left the flow. */
  get position(): bigint {
    return this.settled.highest ?? this.saved;
  }

  /** A position that is not saved yet. */
  get unsaved(): OpenedShard | undefined {
    return this.position > this.saved ? { ...this.claim, position: this.position } : undefined;
  }

  positionSaved(position: bigint): void {
    if (position > this.saved) this.saved = position;
  }

  /** The next entry of the flow, in id order. */
  read(entry: StoredEntry): Item {
    this.readTo = entry.id;
    return fromFlow(entry, this.settled.track(entry.id));
  }

  /** A read of it begins. */
  isRead(): void {
    this.dirty = false;
    this.reads += 1;
  }

  /** A read that was allowed `limit` entries gave `count`. */
  hasRead(count: number, limit: number): void {
    this.busy = count >= limit;
    this.caughtUp = !this.busy;
    this.dirty ||= this.busy;
  }

  /** Everything that has a lower id than this one was read: entries of its key that come before it are here, or moved. */
  hasReadBefore(id: bigint): boolean {
    return this.caughtUp || this.readTo >= id;
  }

  /** Something was sent or submitted whose outcome is not stored yet. */
  begin(count = 1): void {
    this.unfinished += count;
  }

  end(count = 1): void {
    this.unfinished -= count;
    this.check();
  }

  /** Nothing more goes out. Resolves when nothing is unfinished. */
  close(): Promise<void> {
    this.closing = true;
    for (const lane of [...this.lanes.values(), ...this.keyless.values()]) lane.close();
    return new Promise((resolve) => {
      const before = this.closed;
      this.closed = () => {
        before?.();
        resolve();
      };
      this.check();
    });
  }

  private check(): void {
    if (this.closing && this.unfinished === 0) this.closed?.();
  }
}
