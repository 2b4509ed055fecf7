import type { Deliveries } from './deliveries.js';
import type { Lane } from './lane.js';
import { orderKey, type ParkedEntry } from './message.js';
import type { Change, Head, OperatorRequest, OutboxStorage, Unclaimed } from './outbox-storage.js';
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

  /** Looks once. Gives how much was found, and in how many ms something will be due. */
  async look(shards: readonly number[]): Promise<{ found: number; nextInMs: number | undefined }> {
    if (shards.length === 0) return { found: 0, nextInMs: undefined };
    const open = [...this.o.deliveries.all].filter(({ closed, congested }) => !closed && !congested);
    const [requests, { due, nextInMs }] = await Promise.all([
      this.o.storage.requests(shards, DUE_AT_ONCE),
      this.o.storage.due(
        shards,
        open.map(({ name }) => name),
        DUE_AT_ONCE,
      ),
    ]);
    for (const request of requests) this.carryOut(request);
    this.bringBack(due);
    await this.fetching;
    return { found: requests.length + due.length, nextInMs };
  }

  /** Loads the lane's parked entries, with those of all lanes that ask in the same turn. */
  fetch(lane: Lane): void {
    this.wanted.add(lane);
    this.fetching ??= this.fetchAll();
  }

  private async fetchAll(): Promise<void> {
    await Promise.resolve();
    while (this.wanted.size > 0) {
      const lanes = new Map([...this.wanted].slice(0, DUE_AT_ONCE).map((lane) => [lane.id, lane]));
      for (const lane of lanes.values()) this.wanted.delete(lane);
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
      else this.wakeLane(this.o.deliveries.laneOf(work, { ...entry, key }), entry.id);
    }
    for (const [work, ids] of delayed) this.submit(work, [{ kind: 'flow', ids }], () => this.o.onFlow(work));
  }

  private wakeLane(lane: Lane, headId: bigint): void {
    if (lane.mayLoad(headId)) this.fetch(lane);
    else lane.yield();
  }

  private carryOut({ kind, from, id, shard, key, attempts, history }: OperatorRequest): void {
    const work = this.o.workOf(shard);
    if (!work || work.closing) return;
    const lane = key && this.o.deliveries.laneOf(work, key);
    if (lane?.sending) return; // its head may be on its way: asked again at the next look
    const passOn: Unclaimed<Change>[] = key ? [{ kind: 'passOn', key }] : [];
    const change: Unclaimed<Change> =
      kind === 'release' && from === 'parked' ? { kind: 'bury', id, holds: false, attempts, history } : { kind, id };
    this.submit(work, [change, ...passOn], (heads) => {
      if (!lane || !key) return;
      lane.yield();
      const head = heads.get(orderKey(key) ?? '');
      lane.waitsFor(head, kind !== 'requeue');
    });
  }

  private submit(
    work: ShardWork,
    changes: readonly Unclaimed<Change>[],
    done: (heads: ReadonlyMap<string, Head | undefined>) => void,
  ): void {
    work.begin();
    this.o.deliveries.writer.submit({
      changes: () => changes.map((change) => ({ ...change, claim: work.claim })),
      done: ({ fenced, heads }) => {
        if (fenced.includes(work.claim.shard)) this.o.restart(work);
        else if (!work.closing) done(heads);
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
