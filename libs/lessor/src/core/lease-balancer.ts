import { randomBytes, randomUUID } from 'node:crypto';
import { checkInteger, exponential, SystemClock, type Clock } from 'nestjs-turnpike/timing';
import { BoundedLeaseStore } from './bounded-lease-store.js';
import { Drains } from './drains.js';
import { fairShare } from './fair-share.js';
import { HeldParts, isOurs, type HeldPart } from './held-parts.js';
import type { LeaseBalancerOptions } from './lease-balancer-options.js';
import type { LeaseGrant, LeaseStore } from './lease-store.js';
import { LeaseTerm } from './lease-term.js';
import type { Partition } from './partition.js';
import { shardsOf } from './shards-of.js';

interface Running {
  readonly end: AbortController;
  readonly loops: Promise<unknown>;
  readonly unwatch: ReturnType<NonNullable<LeaseStore['watch']>> | undefined;
}

/** How soon after a lease's reported end it is looked for: the report was rounded. */
const AFTER_END_MS = 5;
/** How soon an end by the wall clock is noticed after a jump. */
const CHECK_MS = 250;

/**
 * Keeps one member's fair share of a universe, and changes it as members come and go.
 *
 * - At no time do two balancers own the same part: a part is assigned after it was leased, and revoked before its lease
 *   ends by the store's clock, measured on both clocks of this process.
 * - Shares are fair (`fairShare`) within two terms after members came or went, if `onRevoked` resolves soon.
 * - A dead member's parts are taken over within a term after its last renewal; a stopped member's at once where the store
 *   can tell the others (`watch`), and within a third of the term elsewhere.
 * - A store that fails or does not answer for a term does not end it: it goes on trying, and what it owns is revoked
 *   when the leases end by its clocks.
 *
 * `start` runs a round now and then; `pump` runs one, for tests and schedulers of your own. `stop` hands everything over.
 */
export class LeaseBalancer {
  /** The name under which the others see this one. */
  readonly memberId: string;
  private readonly parts: readonly Partition[];
  private readonly termMs: number;
  private readonly clock: Clock;
  private readonly store: LeaseStore;
  private readonly held = new HeldParts();
  private readonly drains: Drains;
  private running: Running | undefined;
  private stopping: Promise<void> | undefined;
  private round: Promise<number> | undefined;
  private nap = new AbortController();
  private target = 0;
  private joined = false;
  private aliveAtMs = Number.NEGATIVE_INFINITY;
  private fedAtMs: number;

  constructor(private readonly o: LeaseBalancerOptions) {
    this.termMs = o.termMs ?? 10_000;
    checkInteger('termMs', this.termMs, 30);
    this.parts = shardsOf(o.universe, o.shards);
    this.clock = o.clock ?? new SystemClock();
    this.fedAtMs = this.clock.monotonic();
    this.store = new BoundedLeaseStore(o.store, this.clock, this.termMs);
    this.drains = new Drains(this.held, this.store, o);
    this.memberId = o.memberId === undefined ? randomUUID() : `${o.memberId}#${randomBytes(6).toString('hex')}`;
  }

  /** What is assigned and not asked back, in the order of the key space. */
  get owned(): readonly Partition[] {
    return this.held.owned().map(({ partition }) => partition);
  }

  /** How many parts would be fair, as of the last round. 0 before the first one, and when there are more members than parts. */
  get share(): number {
    return this.target;
  }

  /** True when it has had nothing for more than two terms although it should have something. */
  get starved(): boolean {
    return this.hungry && this.clock.monotonic() - this.fedAtMs > 2 * this.termMs;
  }

  /** Whether this part is leased right now, by both clocks: also while it is drained. Ask before each piece of work. */
  holds(part: Partition): boolean {
    return this.held.leased(part) !== undefined;
  }

  /** When this part's lease ends if it is not renewed, by this process's wall clock; `undefined` when it is not held. */
  leaseUntilMs(part: Partition): number | undefined {
    return this.held.leased(part)?.term.endsAtMs;
  }

  start(): void {
    if (this.running || this.stopping) return;
    const end = new AbortController();
    const unwatch = this.store.watch?.(this.o.section, () => this.wake());
    const loops = Promise.all([this.keepBalancing(end.signal), this.keepTime(end.signal)]);
    this.running = { end, loops, unwatch };
  }

  /** Asks everything back, renewing it meanwhile, and hands it over. Resolves when nothing is held any more. */
  stop(): Promise<void> {
    this.stopping ??= this.handOver().finally(() => (this.stopping = undefined));
    return this.stopping;
  }

  /** Runs the next round now instead of later. */
  wake(): void {
    this.nap.abort();
  }

  /**
   * One round: renew, say that we are alive, see who else is, give back the surplus, take what is free. Rejects when the
   * store fails. A call during a round shares it.
   */
  async pump(): Promise<void> {
    await this.nextRound();
  }

  private async keepBalancing(end: AbortSignal): Promise<void> {
    const backoff = exponential(0, this.termMs / 30, this.termMs / 3);
    for (let failures = 0; !end.aborted;) {
      // Made before the round: a wake during it must not be lost.
      this.nap = new AbortController();
      let dueInMs: number | undefined;
      try {
        dueInMs = await this.nextRound();
        failures = 0;
      } catch (error) {
        this.o.onError?.(error);
        dueInMs = backoff.delayFor((failures += 1));
      }
      await this.clock.sleep(dueInMs ?? this.termMs / 3, this.nap.signal).catch(() => undefined);
    }
  }

  /** Beside the rounds, because a round can hang for as long as a store does not answer. */
  private async keepTime(end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      this.revokeLost(this.held.overdue());
      const left = this.held.running().map(({ term }) => term.leftMs);
      await this.clock.sleep(Math.min(CHECK_MS, ...left), end).catch(() => undefined);
    }
  }

  private async handOver(): Promise<void> {
    this.askBack(this.held.owned());
    await this.round?.catch(() => undefined);
    // Only now: a heartbeat of that round would bring us back.
    if (this.joined) await this.leave();
    this.joined = false;
    this.aliveAtMs = Number.NEGATIVE_INFINITY;
    await this.drains.finished();
    const { running } = this;
    await running?.unwatch?.();
    running?.end.abort();
    this.wake();
    await running?.loops;
    this.running = undefined;
  }

  private async leave(): Promise<void> {
    try {
      await this.store.heartbeat(this.o.section, this.memberId, 0);
    } catch (error) {
      this.o.onError?.(error);
    }
  }

  /** @returns in how many ms the next round is due */
  private nextRound(): Promise<number> {
    this.round ??= this.balance().finally(() => (this.round = undefined));
    return this.round;
  }

  private async balance(): Promise<number> {
    const { section } = this.o;
    this.revokeLost(this.held.overdue());
    await this.stayAlive();
    if (this.stopping) return this.aliveAgainInMs;
    const others = (await this.store.members(section)).filter(({ id }) => id !== this.memberId);
    const ids = others.map(({ id }) => id);
    this.target = fairShare(this.parts.length, ids, this.memberId);
    this.askBack(this.held.owned().slice(this.target));
    const freeInMs = await this.take(this.target - this.held.owned().length);
    if (!this.hungry) this.fedAtMs = this.clock.monotonic();
    // As soon as a dead member's membership or lease ends: the living renew theirs long before that.
    const endsInMs = [...others.map(({ endsInMs }) => endsInMs), freeInMs].map((ms) => Math.max(0, ms) + AFTER_END_MS);
    return Math.min(this.aliveAgainInMs, ...endsInMs);
  }

  /** Renews the leases and the membership, unless that was done a moment ago: rounds that were woken should be quick. */
  private async stayAlive(): Promise<void> {
    const nowMs = this.clock.monotonic();
    if (nowMs - this.aliveAtMs < this.termMs / 6) return;
    // The leases first: when a member dies, they should be over when its membership is.
    await this.renew();
    if (!this.stopping) {
      this.joined = true;
      await this.store.heartbeat(this.o.section, this.memberId, this.termMs);
    }
    this.aliveAtMs = nowMs;
  }

  private get aliveAgainInMs(): number {
    return this.aliveAtMs + this.termMs / 3 - this.clock.monotonic();
  }

  private async renew(): Promise<void> {
    const running = this.held.running();
    if (running.length === 0) return;
    const term = this.newTerm();
    const renewed = await this.store.renew(this.o.section, running, this.termMs);
    const kept = new Set(renewed.map(({ partition }) => partition.toString()));
    for (const part of running) if (kept.has(part.partition.toString())) part.term = term;
    this.revokeLost(running.filter(({ partition }) => !kept.has(partition.toString())));
  }

  /** @returns in how many ms a part that is still missing may come free */
  private async take(missing: number): Promise<number> {
    if (missing <= 0 || this.stopping) return Number.POSITIVE_INFINITY;
    const { section, observer } = this.o;
    const term = this.newTerm();
    const grant = await this.store.acquire({
      section,
      holder: this.memberId,
      desired: this.parts.filter((part) => !this.held.has(part)),
      termMs: this.termMs,
      limit: missing,
    });
    observer?.acquired(grant.parts.length, term.ageMs);
    if (term.over || this.stopping) await this.refuse(grant);
    else this.assign(grant, term);
    return (grant.parts.length < missing ? grant.freeInMs : undefined) ?? Number.POSITIVE_INFINITY;
  }

  private assign({ parts, token }: LeaseGrant, term: LeaseTerm): void {
    this.held.add(parts, token, term);
    for (const afterExpiry of [false, true]) {
      const assigned = parts.filter((part) => part.afterExpiry === afterExpiry).map(({ partition }) => partition);
      if (assigned.length > 0) this.tell(assigned, afterExpiry);
    }
  }

  /** A throw here must not keep the other parts from their owner. */
  private tell(assigned: readonly Partition[], afterExpiry: boolean): void {
    try {
      this.o.onAssigned(assigned, { afterExpiry });
    } catch (error) {
      this.o.onError?.(error);
    }
  }

  /** A grant that came too late to be used. */
  private async refuse({ parts, token }: LeaseGrant): Promise<void> {
    if (parts.length === 0) return;
    this.o.observer?.ended(parts.length, 'lost');
    await this.store.release(
      this.o.section,
      parts.map(({ partition }) => ({ partition, token })),
    );
  }

  private revokeLost(parts: readonly HeldPart[]): void {
    const owned = parts.filter(({ state }) => state === 'owned');
    for (const part of parts) if (isOurs(part)) part.state = 'lost';
    this.beginDraining(owned);
  }

  private askBack(parts: readonly HeldPart[]): void {
    for (const part of parts) part.state = 'draining';
    this.beginDraining(parts);
  }

  private beginDraining(parts: readonly HeldPart[]): void {
    if (parts.length === 0) return;
    this.fedAtMs = this.clock.monotonic();
    this.drains.begin(parts);
  }

  private get hungry(): boolean {
    return this.target > 0 && this.held.owned().length === 0;
  }

  private newTerm(): LeaseTerm {
    return new LeaseTerm(this.clock, this.termMs);
  }
}
