import type { Clock } from 'nestjs-turnpike/timing';
import { LeaseStoreTimeoutError } from '../lessor.errors.js';
import type { LeaseGrant, LeaseRequest, LeaseStore, LeasedPart, Member } from './lease-store.js';

/**
 * A store whose calls fail when there is no answer for `limitMs`: a connection that died without a word can take a
 * quarter of an hour to be noticed. The call itself may still arrive. The balancer can stand that, with a limit of one
 * term: what it acquired late nobody renews, and what it renewed or released late is matched by its token.
 */
export class BoundedLeaseStore implements LeaseStore {
  readonly watch: LeaseStore['watch'];

  constructor(
    private readonly store: LeaseStore,
    private readonly clock: Clock,
    private readonly limitMs: number,
  ) {
    this.watch = store.watch?.bind(store);
  }

  acquire(request: LeaseRequest): Promise<LeaseGrant> {
    return this.bounded(this.store.acquire(request));
  }

  renew(section: string, parts: readonly LeasedPart[], termMs: number): Promise<LeasedPart[]> {
    return this.bounded(this.store.renew(section, parts, termMs));
  }

  release(section: string, parts: readonly LeasedPart[]): Promise<void> {
    return this.bounded(this.store.release(section, parts));
  }

  heartbeat(section: string, member: string, termMs: number): Promise<void> {
    return this.bounded(this.store.heartbeat(section, member, termMs));
  }

  members(section: string): Promise<Member[]> {
    return this.bounded(this.store.members(section));
  }

  private async bounded<R>(answer: Promise<R>): Promise<R> {
    const answered = new AbortController();
    const late = this.clock.sleep(this.limitMs, answered.signal).then(() => {
      throw new LeaseStoreTimeoutError(this.limitMs);
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      answered.abort();
    }
  }
}
