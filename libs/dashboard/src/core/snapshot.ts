/** What the page is sent once a second, as JSON. Ages and times are of the server's clock; 64-bit ids are text. */
export interface Snapshot {
  /** When it was put together, ms since the epoch. */
  readonly atMs: number;
  /** Who says so: the host's name and the process id. */
  readonly process: string;
  readonly outboxes: readonly OutboxSnapshot[];
  readonly queues: readonly QueueSnapshot[];
  readonly checkpoints: readonly CheckpointSnapshot[];
  readonly barriers: readonly BarrierSnapshot[];
}

export interface OutboxSnapshot {
  /** `default` for the one without a name. */
  readonly name: string;
  /** What this process is called among the owners of shards. */
  readonly processId: string;
  readonly point: Point;
  readonly shards: number;
  /** Of all processes; null until the database has answered. */
  readonly owners: readonly ShardsOfProcess[] | null;
  readonly backlog: BacklogSnapshot | null;
  readonly heldKeys: readonly HeldKeySnapshot[] | null;
  /** The held keys are more than are shown. */
  readonly moreHeldKeys: boolean;
  readonly destinations: readonly DestinationSnapshot[];
  /** Since when all are paused, in all processes, by the database's clock; null: they are not. */
  readonly allPausedSinceMs: number | null;
  /** Of this process, since its start. */
  readonly totals: {
    readonly published: number;
    readonly sent: number;
    readonly failed: number;
    readonly deadLettered: number;
  };
  /** What does not work, in sentences. */
  readonly problems: readonly string[];
  /** How long the database has owed an answer; 0 when it was asked nothing. */
  readonly unansweredMs: number;
}

/** A moment in the plots. A rate is null until there are two samples to make it of. */
export interface Point {
  readonly atMs: number;
  /** Messages per second, of this process. */
  readonly published: number | null;
  readonly delivered: number | null;
  readonly failed: number | null;
  readonly inFlight: number;
  /** Of all processes; null while the database has not answered. */
  readonly lagMs: number | null;
  readonly pending: number | null;
  readonly parked: number | null;
}

export interface ShardsOfProcess {
  readonly processId: string;
  readonly shards: readonly number[];
}

export interface BacklogSnapshot {
  readonly pending: number;
  readonly parked: number;
  readonly deadLetters: number;
  readonly oldestAgeMs: number;
}

export interface HeldKeySnapshot {
  readonly namespace: string;
  readonly destination: string;
  readonly key: string;
  readonly shard: number;
  readonly headId: string;
  readonly waitsFor: 'retry' | 'dead letter';
  readonly dueInMs: number | null;
  readonly attempts: number;
  readonly lastError: string | null;
  readonly sinceMs: number | null;
}

export interface DestinationSnapshot {
  readonly name: string;
  readonly state: 'open' | 'paused' | 'away';
  readonly inFlight: number;
  readonly buffered: number;
  readonly reason: string | null;
  /** Since when an operator has it paused, in all processes, by the database's clock; null: nobody has. */
  readonly pausedSinceMs: number | null;
}

export interface QueueSnapshot {
  readonly name: string;
  /** Null until its store has answered. */
  readonly stats: {
    readonly bufferedItems: number;
    readonly batches: number;
    readonly items: number;
    readonly oldestBatchAgeMs: number | null;
    readonly workers: { readonly alive: number; readonly working: number; readonly total: number };
  } | null;
  readonly problem: string | null;
}

export interface CheckpointSnapshot {
  readonly stream: string;
  readonly partition: string;
  /** As JSON text; null when nothing was ever committed. */
  readonly committed: string | null;
  readonly pending: number;
  readonly oldestUnresolvedMs: number;
  readonly failures: number;
}

export interface BarrierSnapshot {
  readonly name: string;
  readonly held: number;
  readonly oldestHoldAgeMs: number;
}

/** What the page is sent when it begins to look: the points since somebody last did. */
export interface History {
  readonly outboxes: Readonly<Record<string, readonly Point[]>>;
}
