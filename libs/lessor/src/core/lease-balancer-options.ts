import type { Clock } from 'nestjs-turnpike/timing';
import type { LeaseObserver } from './lease-observer.js';
import type { LeaseStore } from './lease-store.js';
import type { Partition } from './partition.js';

export interface LeaseBalancerOptions {
  readonly store: LeaseStore;
  /** All members of a section must have the same universe and the same shards. */
  readonly section: string;
  /** What is shared out. */
  readonly universe: Partition;
  /** Into how many parts the universe is split. Default: its size, a part per key; needed when that is above 4096. */
  readonly shards?: number;
  /** A name for people. Two processes with one name are still two members: a random suffix is added. Default: a UUID. */
  readonly memberId?: string;
  /** How long a lease lives without being renewed, and so how long a dead member's parts lie idle. Default: 10,000 ms. */
  readonly termMs?: number;
  readonly clock?: Clock;
  /**
   * These parts are ours now. `afterExpiry`: their last holder did not give them back, its lease ran out; what it did
   * last is unknown. Returns at once: what takes longer goes on by itself.
   */
  readonly onAssigned: (parts: readonly Partition[], how: { readonly afterExpiry: boolean }) => void;
  /**
   * Stop working on these parts, and resolve when nothing of the kind is under way. They stay leased meanwhile, unless
   * the lease is what ended (`holds` says so). When it rejects, the parts are left to expire: nobody knows what is going on.
   */
  readonly onRevoked: (parts: readonly Partition[]) => Promise<void>;
  /** A round, a release or an `onRevoked` that failed. The balancer goes on. Default: nothing is told. */
  readonly onError?: (error: unknown) => void;
  readonly observer?: LeaseObserver;
}
