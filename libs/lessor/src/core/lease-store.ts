import type { Partition } from './partition.js';

export interface LeaseRequest {
  readonly section: string;
  /** Who asks, for people who look at the rows. It fences nothing. */
  readonly holder: string;
  /** What is wanted. Each gap in it that is free becomes one part. */
  readonly desired: readonly Partition[];
  /** Whole ms from the moment the store grants it. */
  readonly termMs: number;
  /** At most so many parts, the first of `desired`. Default: all. */
  readonly limit?: number | undefined;
}

export interface GrantedPart {
  readonly partition: Partition;
  /** The last lease of a key in it was not released, it ran out: its holder may have died in the middle of its work. */
  readonly afterExpiry: boolean;
}

export interface LeaseGrant {
  readonly token: bigint;
  /** Disjoint; empty when nothing is free. */
  readonly parts: readonly GrantedPart[];
  /** When the first of the leases that were in the way ends, unless it is renewed; undefined when none was. */
  readonly freeInMs: number | undefined;
}

/** A part as its holder knows it. The token says under which of its leases. */
export interface LeasedPart {
  readonly partition: Partition;
  readonly token: bigint;
}

export interface Member {
  readonly id: string;
  /** How long it counts as alive if it says nothing more. */
  readonly endsInMs: number;
}

/**
 * Where leases are kept. A section is a key space of its own: nothing in one is seen in another.
 *
 * Expiry is decided by the store's one clock, never by a process's: two processes whose clocks differ would otherwise
 * both find themselves in the right. Answers therefore speak of durations (`endsInMs`), not of times.
 *
 * A section's calls take turns, and no call fails because of another one: an implementation takes one lock per section
 * before it reads anything, or it meets deadlocks and has to read again what it had decided on.
 */
export interface LeaseStore {
  /**
   * Leases what is free of `desired`, in one atomic step: of two overlapping requests the later one sees the rows of
   * the earlier one. (Rows read before the section's lock is held would let both have the same part.)
   *
   * - `token` is higher than that of every acquire of the section before, also of those that got nothing, and also when
   *   no lease is left. (A resource that remembers the highest token it has seen refuses a holder that stalled.)
   * - Removes the expired leases that overlap what it grants and tells so by `afterExpiry`; others' expired leases stay
   *   for a day, so that whoever gets those parts is told too.
   */
  acquire(request: LeaseRequest): Promise<LeaseGrant>;

  /**
   * Lets these parts run for `termMs` from now, and returns those that still do: an expired or released lease stays
   * what it is, even if nobody took it. (Its holder has stopped by its own clocks, and must not go on without being
   * told.) A part is matched by its token too. (A late renewal must not prolong another holder's lease.)
   */
  renew(section: string, parts: readonly LeasedPart[], termMs: number): Promise<LeasedPart[]>;

  /**
   * Frees these parts at once, those that expired too: the holder says that it left them in order. Matched by token:
   * a release that was stuck in the network must not free a later lease of the same part.
   */
  release(section: string, parts: readonly LeasedPart[]): Promise<void>;

  /** Keeps `member` among the section's members for `termMs` from now; 0 takes it out. */
  heartbeat(section: string, member: string, termMs: number): Promise<void>;

  /** Who is alive, in any order. */
  members(section: string): Promise<Member[]>;

  /**
   * Calls `listener` when parts of the section came free or its members changed, where the store can tell (`NOTIFY`).
   * It may call late, twice, or not at all: it only spares waiting for the next round. Returns how to end it.
   */
  readonly watch?: ((section: string, listener: () => void) => () => void | Promise<void>) | undefined;
}
