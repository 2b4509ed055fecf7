import type { Deliveries } from './deliveries.js';
import type { Lane } from './lane.js';
import { orderKey, type ParkedEntry } from './message.js';
import type { Change, OperatorRequest, OutboxStorage, Unclaimed } from './outbox-storage.js';
import type { ShardWork } from './shard-work.js';

export interface RevisitsOptions {
  readonly storage: Pick<OutboxStorage, 'due' | 'requests' | 'parkedOf'>;
  readonly deliveries: Pick<Deliveries, 'laneOf' | 'keylessLaneOf' | 'writer' | 'all'>;
  readonly workOf: (shard: number) => ShardWork | undefined;
  /** Entries were put into the flow of these shards. */
  readonly onFlow: (work: ShardWork) => void;
  readonly restart: (work: ShardWork) => void;
  readonly onError: (error: unknown) => void;
}

/** How many entries that are due are looked at in one go, and how many of a key are sent before the table is asked again. */
const DUE_AT_ONCE = 200;
const PARKED_PER_KEY = 20;

/** Brings back what waits: what is due, what was delayed, what operators have asked for. */
export class Revisits {
  private readonly wanted = new Set<Lane>();
  private fetching: Promise<void> | undefined;

  constructor(private readonly o: RevisitsOptions) {}

  get idle(): boolean {
    return this.fetching === undefined;
  }

  /**
   * Looks once. Gives how much was found, and in how many ms something will be due; `crowded`: a destination has so much
   * here that it was left out.
   */
  async look(shards: readonly number[]): Promise<{ found: number; nextInMs: number | undefined; crowded: boolean }> {
    if (shards.length === 0) return { found: 0, nextInMs: undefined, crowded: false };
    const open = [...this.o.deliveries.all].filter(({ closed }) => !closed);
    const roomy = open.filter(({ congested, full }) => !congested && !full);
    // Each by itself: one with many entries that are due and not through must not keep the others' from being found.
    const [requests, ...ofEach] = await Promise.all([
      this.o.storage.requests(shards, DUE_AT_ONCE),
      ...roomy.map(({ name }) => this.o.storage.due(shards, [name], DUE_AT_ONCE)),
    ]);
    for (const request of requests) this.carryOut(request);
    const due = ofEach.flatMap((one) => one.due);
    this.bringBack(due);
    await this.fetching;
    const nextInMs = Math.min(...ofEach.map((one) => one.nextInMs ?? Infinity));
    return {
      found: requests.length + due.length,
      nextInMs: nextInMs < Infinity ? nextInMs : undefined,
      crowded: roomy.length < open.length,
    };
  }

  /**
   * Loads the lane's parked entries, with those of all lanes that ask in the same turn. Not for a destination that can take
   * no more: they stay due, and a later look finds them.
   */
  fetch(lane: Lane): void {
    if (lane.destination.closed || lane.destination.full) return;
    this.wanted.add(lane);
    this.fetching ??= this.fetchAll();
  }

  private async fetchAll(): Promise<void> {
    await Promise.resolve();
    while (this.wanted.size > 0) {
      const wanted = [...this.wanted].slice(0, DUE_AT_ONCE);
      for (const lane of wanted) this.wanted.delete(lane);
      const lanes = new Map(wanted.filter((lane) => lane.beginLoad()).map((lane) => [lane.id, lane]));
      try {
        const entries = await this.o.storage.parkedOf(
          [...lanes.values()].map(({ shardKey }) => shardKey),
          PARKED_PER_KEY,
        );
        const byLane = new Map<string, ParkedEntry[]>();
        for (const entry of entries) append(byLane, orderKey(entry) ?? '', entry);
        for (const [id, ofKey] of byLane) lanes.get(id)?.load(ofKey);
      } catch (error) {
        this.o.onError(error); // they are still due: the next look finds them
      }
    }
    this.fetching = undefined;
  }

  private bringBack(due: readonly ParkedEntry[]): void {
    const delayed = new Map<ShardWork, bigint[]>();
    for (const entry of due) {
      const work = this.o.workOf(entry.shard);
      if (!work || work.closing) continue;
      const { key } = entry;
      if (entry.id < 0n) append(delayed, work, entry.id);
      else if (key === null) this.o.deliveries.keylessLaneOf(work, entry).load(entry);
      else this.o.deliveries.laneOf(work, { ...entry, key }).due(entry.id);
    }
    for (const [work, ids] of delayed) this.submit(work, { kind: 'flow', ids }, () => this.o.onFlow(work));
  }

  private carryOut({ kind, from, id, shard, key, attempts, history }: OperatorRequest): void {
    const work = this.o.workOf(shard);
    if (!work || work.closing) return;
    const change: Unclaimed<Change> =
      kind === 'release' && from === 'parked' ? { kind: 'bury', id, holds: false, attempts, history } : { kind, id };
    if (key) this.o.deliveries.laneOf(work, key).carryOut(change, kind !== 'requeue');
    else this.submit(work, change);
  }

  private submit(work: ShardWork, change: Unclaimed<Change>, done: () => void = () => undefined): void {
    work.begin();
    this.o.deliveries.writer.submit({
      changes: () => [{ ...change, claim: work.claim }],
      done: ({ fenced }) => {
        if (fenced.includes(work.claim.shard)) this.o.restart(work);
        else if (!work.closing) done();
        work.end();
      },
    });
  }
}

function append<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
