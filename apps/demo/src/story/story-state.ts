/** What the page shows. Sent as JSON whenever it is looked at, all of it: whoever comes late has missed nothing. */
export interface StoryState {
  readonly customers: readonly CustomerState[];
  /** Deliveries of these customers that came before an earlier one of theirs; there should be none. */
  readonly disorders: number;
  /** Deliveries of an order that was delivered before; there should be none. */
  readonly repeats: number;
  readonly processes: readonly ProcessState[];
  /** Whether the page may start and kill processes, and whether there is room for one more. */
  readonly workers: 'none' | 'room' | 'full';
  readonly load: LoadState | undefined;
  /** In cents, of all that was delivered. */
  readonly revenue: number;
  /** Through which broker orders go. */
  readonly broker: string | undefined;
}

export interface CustomerState {
  readonly id: string;
  /** How many orders there are; also the number of the last one. */
  readonly placed: number;
  /** The number of the order that was delivered last. */
  readonly delivered: number;
  readonly broken: boolean;
  /** Set while orders wait for one that has failed. */
  readonly held: { readonly attempts: number; readonly reason: string | undefined } | undefined;
}

export interface ProcessState {
  readonly name: string;
  /** Of one that this process has started, and can kill. */
  readonly pid: number | undefined;
  readonly state: 'starting' | 'running' | 'killed' | 'ended';
  /** How many of the shards it has leased. */
  readonly shards: number;
  /** ms until what it has leased is free, unless it renews that. */
  readonly leaseEndsInMs: number;
}

export interface LoadState {
  readonly total: number;
  readonly placed: number;
  readonly delivered: number;
  readonly elapsedMs: number;
  readonly failure: string | undefined;
}
