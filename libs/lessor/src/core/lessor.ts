import { randomUUID } from 'node:crypto';
import { checkDuration, SystemClock, type Clock } from 'nestjs-turnpike/timing';
import { LeaseEndedError } from '../lessor.errors.js';
import type { LeaseObserver } from './lease-observer.js';
import type { LeaseGrant, LeaseStore } from './lease-store.js';
import { LeaseTerm } from './lease-term.js';
import type { Partition } from './partition.js';

/** What the work gets to know of its lease. */
export interface Lease {
  /** Aborts before the lease ends: with `LeaseEndedError`, or with the reason of the caller's signal. */
  readonly signal: AbortSignal;
  /** Grows with every lease of the section: give it to what you write to, and let that refuse lower ones. */
  readonly token: bigint;
  /** When the signal aborts at the latest, by this process's wall clock, in ms since the epoch. */
  readonly expiresAtMs: number;
}

export interface WithLeaseOptions {
  /** Aborts the work's signal; aborted before the work began, `withLease` rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** An outer deadline by this process's wall clock, in ms since the epoch. The lease is not made longer than that. */
  readonly deadlineAtMs?: number | undefined;
}

/** Leases ranges of key spaces, so that no two processes work on the same range at once. */
export interface Lessor {
  /**
   * Leases what is free of `desired` right now, runs `work` with it, releases it when `work` has ended, and returns
   * what `work` returned. `parts` may be all of `desired`, some parts of it, or none: `work` runs in any case.
   *
   * Until `work` has ended or `lease.signal` aborts, nobody else in the section `sectionId` has any of the parts. Sections
   * are independent. A process that dies leaves its parts leased until `durationMs` (at least 1) is over.
   */
  withLease<R>(
    sectionId: string,
    desired: Partition,
    durationMs: number,
    work: (parts: readonly Partition[], lease: Lease) => Promise<R>,
    o?: WithLeaseOptions,
  ): Promise<R>;
}

export interface StoreLessorOptions {
  readonly clock?: Clock;
  /** Shown in the store as the holder. Default: a random one. */
  readonly holder?: string;
  readonly observer?: LeaseObserver;
  /** A release that failed: the parts stay leased until they expire. Default: nothing is told. */
  readonly onError?: (error: unknown) => void;
}

/** The lessor on any `LeaseStore`. */
export class StoreLessor implements Lessor {
  private readonly clock: Clock;
  private readonly holder: string;
  private readonly observer: LeaseObserver | undefined;
  private readonly onError: (error: unknown) => void;

  constructor(
    readonly store: LeaseStore,
    o: StoreLessorOptions = {},
  ) {
    this.clock = o.clock ?? new SystemClock();
    this.holder = o.holder ?? randomUUID();
    this.observer = o.observer;
    this.onError = o.onError ?? (() => undefined);
  }

  async withLease<R>(
    sectionId: string,
    desired: Partition,
    durationMs: number,
    work: (parts: readonly Partition[], lease: Lease) => Promise<R>,
    { signal, deadlineAtMs = Number.POSITIVE_INFINITY }: WithLeaseOptions = {},
  ): Promise<R> {
    checkDuration('durationMs', durationMs, 1);
    signal?.throwIfAborted();
    const termMs = Math.max(1, Math.floor(Math.min(durationMs, deadlineAtMs - this.clock.now())));
    const term = new LeaseTerm(this.clock, termMs);
    const grant = await this.store.acquire({ section: sectionId, holder: this.holder, desired: [desired], termMs });
    this.observer?.acquired(grant.parts.length, term.ageMs);
    const parts = grant.parts.map(({ partition }) => partition);
    using watch = watched(term, sectionId, signal);
    try {
      signal?.throwIfAborted();
      // A lease that ended on its way here is as good as none: somebody else may have the parts already.
      const usable = term.over ? [] : parts;
      return await work(usable, { signal: watch.signal, token: grant.token, expiresAtMs: term.endsAtMs });
    } finally {
      await this.release(sectionId, grant, term);
    }
  }

  private async release(section: string, { parts, token }: LeaseGrant, term: LeaseTerm): Promise<void> {
    if (parts.length === 0) return;
    this.observer?.ended(parts.length, term.over ? 'lost' : 'released');
    try {
      await this.store.release(
        section,
        parts.map(({ partition }) => ({ partition, token })),
      );
    } catch (error) {
      this.onError(error);
    }
  }
}

/** Nobody looks at it; without one, each lease would make a DOMException with its stack. */
const WORK_ENDED = 'the work has ended';

/** A signal that follows the term and the caller's signal; disposing it ends the watch. */
function watched(
  term: LeaseTerm,
  section: string,
  outer: AbortSignal | undefined,
): Disposable & { signal: AbortSignal } {
  const lease = new AbortController();
  const done = new AbortController();
  const forward = (): void => lease.abort(outer?.reason);
  outer?.addEventListener('abort', forward, { once: true });
  if (term.over) lease.abort(new LeaseEndedError(section));
  void term.ended(done.signal).then(
    () => lease.abort(new LeaseEndedError(section)),
    () => undefined,
  );
  return {
    signal: lease.signal,
    [Symbol.dispose]: () => {
      done.abort(WORK_ENDED);
      outer?.removeEventListener('abort', forward);
    },
  };
}
