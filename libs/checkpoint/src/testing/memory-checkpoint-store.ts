import {
  type CheckpointStore,
  checkPartitions,
  type JsonValue,
  type OpenedCheckpoint,
} from '../core/checkpoint-store.js';

interface Row {
  epoch: bigint;
  /** JSON text, as a database keeps it: whoever changes an object later does not change what was saved. */
  position: string | undefined;
}

/** Checkpoints in this process's memory: for tests, and for apps that may start from scratch. */
export class MemoryCheckpointStore implements CheckpointStore {
  private readonly streams = new Map<string, Map<string, Row>>();

  async open(stream: string, partition: string): Promise<OpenedCheckpoint> {
    const row = this.row(stream, partition) ?? this.insert(stream, partition);
    row.epoch++;
    const position = row.position === undefined ? undefined : (JSON.parse(row.position) as JsonValue);
    return { position, epoch: row.epoch };
  }

  async openAll(stream: string, partitions: readonly string[]): Promise<ReadonlyMap<string, OpenedCheckpoint>> {
    checkPartitions(partitions);
    const opened = new Map<string, OpenedCheckpoint>();
    for (const partition of new Set(partitions)) opened.set(partition, await this.open(stream, partition));
    return opened;
  }

  async save(stream: string, partition: string, epoch: bigint, position: JsonValue): Promise<boolean> {
    const row = this.row(stream, partition);
    if (row?.epoch !== epoch) return false;
    row.position = JSON.stringify(position);
    return true;
  }

  private row(stream: string, partition: string): Row | undefined {
    return this.streams.get(stream)?.get(partition);
  }

  private insert(stream: string, partition: string): Row {
    const row = { epoch: 0n, position: undefined };
    const partitions = this.streams.get(stream) ?? new Map<string, Row>();
    this.streams.set(stream, partitions.set(partition, row));
    return row;
  }
}
