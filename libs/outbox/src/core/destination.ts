import type { Clock, RetryPolicy } from 'nestjs-turnpike/timing';
import { callPublisher } from './call-publisher.js';
import { Fifo } from './fifo.js';
import type { Item } from './item.js';
import type { OutgoingMessage } from './message.js';
import { afterCall, UP, type CallResult, type OutageState } from './outage.js';
import type { Publisher } from './publisher.js';

/** Where a destination takes entries from: a key's, or those without one. */
export interface Source {
  readonly namespace: string;
  /** It has something that may go out. */
  readonly ready: boolean;
  enlisted: boolean;
  /** What the next call gets of it, at most `max`. `alone`: the call has nothing else yet. */
  take(max: number, alone: boolean): readonly Item[];
  /**
   * Of what was taken, the call has ended: what has no error has arrived. `excused`: what has one is not to blame, and is
   * sent again.
   */
  ended(items: readonly Item[], errors: readonly (Error | undefined)[], excused: boolean): void;
}

export interface DestinationOptions {
  readonly publisher: Publisher;
  readonly clock: Clock;
  /** The most entries in calls that have not ended. */
  readonly maxInFlight: number;
  readonly publishTimeoutMs: number;
  /** How many entries of the flow for it may be in memory; beyond that, they are parked as they are read. */
  readonly share: number;
  /** With so many parked entries in memory, no more are fetched. */
  readonly fullAt: number;
  /** The delay before each probe of a destination that is away. */
  readonly outageBackoff: RetryPolicy;
  /** Nothing may go out for now, to any destination. */
  readonly halted: () => boolean;
  /** Asked right before a call begins: false when the entry's shard is no longer this process's. */
  readonly mayBegin: (item: Item) => boolean;
  readonly toMessage: (item: Item) => OutgoingMessage;
  /** It may not begin: its shard must be claimed anew. Nothing more of it may be ready when this returns. */
  readonly onWithheld: (item: Item) => void;
  /** Counted before the destination went away; they are not to blame after all. */
  readonly onExcused: (items: readonly Item[]) => void;
  readonly observer: DestinationObserver;
}

export interface DestinationObserver {
  called(destination: string, entries: number, failed: number, durationMs: number): void;
  outage(destination: string, state: OutageState): void;
  /** All that follows from the end of a call is set going, or nothing is in a call after all. */
  ended(): void;
}

const DEFAULT_BATCH_SIZE = 20;

/**
 * One publisher, and the entries that are ready for it. Gathers them into calls: one goes out as soon as one may, with
 * whatever is ready by then. While the destination is away (`Outage`), nothing goes out but a probe of one entry now and
 * then, each time a different one where there is one.
 */
export class Destination {
  /** Entries of the flow for it that are in memory. */
  buffered = 0;
  /** Parked ones that are in memory. */
  loaded = 0;
  private readonly rings = new Map<string, Fifo<Source>>();
  private readonly batchSize: number;
  private outage: OutageState = UP;
  private probe: 'none' | 'waiting' | 'due' | Item = 'none';
  private stoppedHere = false;
  private stoppedForAll = false;
  private scheduled = false;
  private count = 0;

  constructor(
    readonly name: string,
    private readonly o: DestinationOptions,
    /** Aborts calls under way, and ends probing. */
    private readonly stop: AbortSignal,
  ) {
    this.batchSize = o.publisher.batchSize ?? DEFAULT_BATCH_SIZE;
  }

  get ordered(): boolean {
    return this.o.publisher.ordered ?? false;
  }

  get inFlight(): number {
    return this.count;
  }

  /** An operator has stopped it, in this process or in all. */
  get paused(): boolean {
    return this.stoppedHere || this.stoppedForAll;
  }

  get state(): OutageState {
    return this.outage;
  }

  /** Nothing of it can go out now. */
  get closed(): boolean {
    return this.paused || this.outage.kind === 'down';
  }

  /** It has its share of the memory: what is read for it waits in the parked table. */
  get congested(): boolean {
    return this.buffered >= this.o.share;
  }

  /** Enough of what was parked is here. */
  get full(): boolean {
    return this.loaded >= this.o.fullAt;
  }

  /** Nothing is in a call, and nothing that is ready may go out. */
  get quiet(): boolean {
    if (this.count > 0 || this.scheduled) return false;
    if (this.paused || this.stop.aborted) return true;
    if (this.outage.kind === 'down') return this.probe !== 'due';
    return [...this.rings.values()].every((ring) => ring.length === 0);
  }

  /** In this process. */
  pause(): void {
    this.stoppedHere = true;
  }

  resume(): void {
    this.stoppedHere = false;
    this.schedule();
  }

  /** What operators have said for all processes. */
  obey(paused: boolean): void {
    if (this.stoppedForAll === paused) return;
    this.stoppedForAll = paused;
    if (!paused) this.schedule();
  }

  /** What was halted may go on. */
  wake(): void {
    this.schedule();
  }

  get publisher(): Publisher {
    return this.o.publisher;
  }

  /** It has something to send now. */
  enlist(source: Source): void {
    if (source.enlisted) return;
    let ring = this.rings.get(source.namespace);
    if (!ring) this.rings.set(source.namespace, (ring = new Fifo()));
    this.enlistIn(ring, source);
    this.schedule();
  }

  /** Sends this one entry, while nothing else may go out. */
  async sendAlone(item: Item): Promise<SentAlone> {
    this.count += 1;
    const startMs = this.o.clock.monotonic();
    const [error] = await callPublisher([this.o.toMessage(item)], item.entry.namespace, this.o, this.stop);
    this.count -= 1;
    const excused = this.learn([item], [error], this.o.clock.monotonic() - startMs);
    this.o.observer.ended();
    return { error, excused };
  }

  private enlistIn(ring: Fifo<Source>, source: Source): void {
    source.enlisted = true;
    ring.push(source);
  }

  /** Later in this turn, so that all that comes in it shares a call. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.fill();
      if (this.count === 0) this.o.observer.ended(); // whoever waits for it to be quiet has seen that it was not
    });
  }

  private fill(): void {
    if (this.paused || this.stop.aborted || this.o.halted()) return;
    if (this.outage.kind === 'down') {
      if (this.probe === 'due') this.sendProbe();
      return;
    }
    while (this.count < this.o.maxInFlight) {
      const [turn] = this.rings;
      if (!turn) return;
      const [namespace, ring] = turn;
      // Each namespace has its turn: one with a long backlog does not keep the others waiting.
      this.rings.delete(namespace);
      const parts = this.gather(ring, this.batchSize);
      if (ring.length > 0) this.rings.set(namespace, ring);
      this.send(namespace, parts);
    }
  }

  private sendProbe(): void {
    for (const [namespace, ring] of this.rings) {
      const parts = this.gather(ring, 1);
      const item = parts[0]?.items[0];
      if (!item) continue;
      this.probe = item;
      return this.send(namespace, parts);
    }
    this.probe = 'none';
    this.become(UP); // nothing is left to probe with: what comes next will tell
  }

  private gather(ring: Fifo<Source>, max: number): Part[] {
    const parts: Part[] = [];
    const again: Source[] = [];
    let room = Math.min(max, this.o.maxInFlight - this.count);
    const ours = new Set<number>();
    for (let source = ring.shift(); source; source = ring.shift()) {
      source.enlisted = false;
      const items = this.begun(source, source.take(room, parts.length === 0), ours);
      if (items.length > 0) parts.push({ source, items });
      else if (parts.length > 0 && source.ready) {
        // Its next entry failed before: it has the next call for itself.
        ring.unshift(source);
        source.enlisted = true;
        break;
      } else continue;
      if (source.ready) again.push(source);
      room -= items.length;
      if (room === 0 || items[0]?.attempts) break;
    }
    for (const source of again) this.enlistIn(ring, source);
    return parts;
  }

  /** Those that may begin: all or none, because a source is of one shard. `ours`: shards that were asked about for this call. */
  private begun(source: Source, items: readonly Item[], ours: Set<number>): readonly Item[] {
    const [first] = items;
    if (!first || ours.has(first.entry.shard)) return items;
    if (this.o.mayBegin(first)) {
      ours.add(first.entry.shard);
      return items;
    }
    for (const item of items) this.o.onWithheld(item);
    source.ended(
      items,
      items.map(() => WITHHELD),
      true,
    );
    return [];
  }

  private send(namespace: string, parts: readonly Part[]): void {
    if (parts.length > 0) void this.call(namespace, parts);
  }

  private async call(namespace: string, parts: readonly Part[]): Promise<void> {
    const items = parts.flatMap((part) => part.items);
    this.count += items.length;
    const startMs = this.o.clock.monotonic();
    const errors = await callPublisher(items.map(this.o.toMessage), namespace, this.o, this.stop);
    this.count -= items.length;
    this.ended(parts, items, errors, this.o.clock.monotonic() - startMs);
    this.schedule();
    this.o.observer.ended();
  }

  private ended(
    parts: readonly Part[],
    items: readonly Item[],
    errors: readonly (Error | undefined)[],
    durationMs: number,
  ): void {
    const excused = this.learn(items, errors, durationMs);
    let at = 0;
    for (const { source, items: own } of parts) {
      const results = errors.length === 0 ? errors : errors.slice(at, at + own.length);
      at += own.length;
      source.ended(own, results, excused);
    }
  }

  /** What a call says of the destination. Gives whether those that were not sent are excused. */
  private learn(items: readonly Item[], errors: readonly (Error | undefined)[], durationMs: number): boolean {
    const failed = errors.filter((error) => error !== undefined).length;
    this.o.observer.called(this.name, items.length, failed, durationMs);
    // What a stop cut short has not failed: it stays where it is, and whoever is next sends it.
    const cut = failed > 0 && this.stop.aborted;
    if (!cut && (failed > 0 || this.outage !== UP)) this.judge(items.map((item, at) => ({ item, error: errors[at] })));
    return cut || this.outage.kind === 'down';
  }

  private judge(results: readonly CallResult[]): void {
    const before = this.outage;
    const probed = typeof this.probe === 'object' && this.probe === results[0]?.item;
    if (probed) this.probe = 'none';
    const after = afterCall(before, results, this.o.clock.now());
    // What was under way when it went away tells nothing new.
    if (before.kind === 'down' && after.kind === 'down' && !probed) return;
    if (after.kind === 'down' && before.kind === 'up') {
      const here = new Set(results.map(({ item }) => item.entry.id));
      this.o.onExcused([...before.streak].filter(([id]) => !here.has(id)).map(([, { first }]) => first));
    }
    this.become(after);
  }

  private become(state: OutageState): void {
    const before = this.outage;
    this.outage = state;
    if (before.kind !== state.kind) this.o.observer.outage(this.name, state);
    if (state.kind === 'down' && this.probe === 'none') void this.probeLater(state);
    if (state.kind === 'up' && before.kind === 'down') this.schedule();
  }

  private async probeLater({ probes, retryAfterMs }: OutageState & { readonly kind: 'down' }): Promise<void> {
    this.probe = 'waiting';
    const delayMs = Math.max(this.o.outageBackoff.delayFor(probes) ?? 0, retryAfterMs);
    await this.o.clock.sleep(delayMs, this.stop).catch(() => undefined);
    if (this.stop.aborted || this.probe !== 'waiting') return;
    this.probe = this.outage.kind === 'down' ? 'due' : 'none';
    this.schedule();
  }
}

/** What became of an entry that was sent by itself; `excused`: it is not to blame for its error. */
export interface SentAlone {
  readonly error: Error | undefined;
  readonly excused: boolean;
}

interface Part {
  readonly source: Source;
  readonly items: readonly Item[];
}

const WITHHELD = new Error("Its shard is no longer this process's.");
