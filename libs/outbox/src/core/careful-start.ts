import type { SentAlone } from './destination.js';
import type { Item } from './item.js';
import { orderKey, type ParkedEntry, type StoredEntry } from './message.js';
import type { Change, Head, OutboxStorage, Unclaimed } from './outbox-storage.js';
import type { ShardWork } from './shard-work.js';
import { verdictOf, type Verdict } from './verdict.js';
import type { Writer } from './writer.js';

export interface CarefulStartOptions {
  readonly storage: Pick<OutboxStorage, 'heldKeys' | 'read' | 'due'>;
  /** Repeats what the storage does not take: giving up after a message has arrived would send it again. */
  readonly writer: Pick<Writer, 'make'>;
  /** As many as the former owner may have had in calls. */
  readonly maxInFlight: number;
  /** As many as it may have had in memory. */
  readonly mostRead: number;
  /** Whether its destination takes anything now. */
  readonly isOpen: (entry: StoredEntry) => boolean;
  /** Sends this one entry, alone in the process. */
  readonly sendAlone: (item: Item) => Promise<SentAlone>;
  readonly judge: (item: Item, error: Error) => Verdict;
  /** What the key of this entry waits for now. */
  readonly onHead: (work: ShardWork, entry: StoredEntry, head: Head | undefined, aborted: boolean) => void;
  /** The shard must be claimed anew; `careful`: and its suspects be looked for again. */
  readonly restart: (work: ShardWork, careful?: boolean) => void;
  readonly mayGoOn: (work: ShardWork) => boolean;
  readonly retry: Parameters<typeof verdictOf>[2];
  readonly continues: boolean;
  readonly destinations: () => readonly string[];
  readonly nowMs: () => number;
}

/**
 * What the former owner of these shards had in calls when it ended may be what ended it. The entries that it may have had
 * there are sent one by one, and each attempt is stored before it begins: so one that ends its process every time runs out of
 * attempts, and no other does.
 *
 * They are the first of their keys, lowest ids first, and at most `maxInFlight`.
 */
export class CarefulStart {
  constructor(private readonly o: CarefulStartOptions) {}

  async run(works: readonly ShardWork[]): Promise<void> {
    const byShard = new Map(works.map((work) => [work.claim.shard, work]));
    try {
      for (const entry of await this.suspects(works)) {
        const work = byShard.get(entry.shard);
        if (!work || !this.o.mayGoOn(work) || !this.o.isOpen(entry)) continue;
        work.begin();
        await this.deliver(work, entry).finally(() => work.end());
      }
    } catch (error) {
      // Whom to suspect is not known: nothing of the shards must go out before it is.
      for (const work of works) this.o.restart(work, true);
      throw error;
    }
  }

  private async suspects(works: readonly ShardWork[]): Promise<(StoredEntry | ParkedEntry)[]> {
    const { storage, maxInFlight: limit } = this.o;
    const shards = works.map(({ claim }) => claim.shard);
    const heads = new Map<string | undefined, bigint>();
    for (const head of await storage.heldKeys(shards)) {
      const key = orderKey(head);
      const first = heads.get(key);
      if (first === undefined || head.headId < first) heads.set(key, head.headId);
    }
    // Of a held key only its head may go, or what comes before that.
    const mayGo = (entry: StoredEntry): boolean => entry.id <= (heads.get(orderKey(entry)) ?? entry.id);
    const { flow, unread } = await this.firstOfFlow(works, mayGo);
    const { due } = await storage.due(shards, this.o.destinations(), limit);
    // Something of its key that comes before it may not be among what was read.
    const behindUnread = ({ shard, id }: ParkedEntry): boolean => (unread.get(shard) ?? id) < id;
    const parked = due.filter((entry) => entry.id > 0n && mayGo(entry) && !behindUnread(entry));
    return firstOfEach([...flow, ...parked]).slice(0, limit);
  }

  /** The first entries of the flow of as many keys as may be in calls; and of shards that have more, the last id read. */
  private async firstOfFlow(works: readonly ShardWork[], mayGo: (entry: StoredEntry) => boolean) {
    const { storage, maxInFlight: limit, mostRead } = this.o;
    const unread = new Map(works.map((work) => [work.claim.shard, work.readUpTo]));
    let flow: StoredEntry[] = [];
    for (let read = 0; unread.size > 0 && flow.length < limit && read < mostRead;) {
      const entries = await storage.read([...unread].map(([shard, after]) => ({ shard, after, limit })));
      read += entries.length;
      for (const shard of unread.keys()) {
        const own = entries.filter((entry) => entry.shard === shard);
        const last = own.at(-1);
        if (last && own.length >= limit) unread.set(shard, last.id);
        else unread.delete(shard);
      }
      flow = firstOfEach([...flow, ...entries.filter(mayGo)]);
    }
    return { flow, unread };
  }

  private async deliver(work: ShardWork, entry: StoredEntry | ParkedEntry): Promise<void> {
    const parked = 'attempts' in entry;
    const before = { attempts: parked ? entry.attempts : 0, history: parked ? entry.history : [] };
    const item: Item = { ...before, entry, from: 'parked', attempts: before.attempts + 1, counted: true };
    const move: Draft[] = parked ? [] : [{ kind: 'move', ids: [entry.id], due: false }];
    if (before.attempts > 0 && this.o.retry.delayFor(before.attempts) === undefined) {
      const last: Item = { ...item, attempts: before.attempts };
      const { attempts, history } = verdictOf(last, ENDED, this.o.retry, this.o.nowMs());
      return this.settle(work, entry, [
        ...move,
        { kind: 'bury', id: entry.id, holds: this.holds(entry), attempts, history },
      ]);
    }
    const { attempts, history } = item;
    const { fenced } = await this.write(work, [
      ...move,
      { kind: 'putOff', id: entry.id, attempts, delayMs: 0, history },
    ]);
    if (fenced.length > 0) return this.o.restart(work);
    const uncounted: Draft = { ...before, kind: 'putOff', id: entry.id, delayMs: 0 };
    // That took its time: ask again, right before the call.
    if (!this.o.mayGoOn(work)) return this.settle(work, entry, [uncounted]);
    const { error, excused } = await this.o.sendAlone(item);
    if (!error) return this.settle(work, entry, [{ kind: 'remove', ids: [entry.id] }]);
    return this.settle(work, entry, [excused ? uncounted : this.failed(item, error)]);
  }

  private failed(item: Item, error: Error): Draft {
    const verdict = this.o.judge(item, error);
    const { attempts, history } = verdict;
    const { id } = item.entry;
    if (verdict.kind === 'retry') return { kind: 'putOff', id, attempts, history, delayMs: verdict.delayMs };
    return { kind: 'bury', id, attempts, history, holds: this.holds(item.entry) };
  }

  private async settle(work: ShardWork, entry: StoredEntry, changes: readonly Draft[]): Promise<void> {
    const { namespace, destination, key } = entry;
    const passOn: Draft[] = key === null ? [] : [{ kind: 'passOn', key: { namespace, destination, key } }];
    const { fenced, heads } = await this.write(work, [...changes, ...passOn]);
    if (fenced.length > 0) return this.o.restart(work);
    const aborted = changes.some((change) => change.kind === 'bury' && !change.holds);
    if (key !== null) this.o.onHead(work, entry, heads.get(orderKey(entry) ?? ''), aborted);
  }

  private holds({ key }: StoredEntry): boolean {
    return key !== null && !this.o.continues;
  }

  private write(work: ShardWork, changes: readonly Draft[]) {
    return this.o.writer.make(changes.map((change) => ({ ...change, claim: work.claim })));
  }
}

type Draft = Unclaimed<Change>;

const ENDED = new Error('The process ended during this attempt.');

/** The one with the lowest id of each key, in id order; all that have none. */
function firstOfEach(entries: readonly StoredEntry[]): StoredEntry[] {
  const firsts = new Map<string, StoredEntry>();
  for (const entry of entries.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const lane = orderKey(entry) ?? `${entry.shard} ${entry.id}`;
    if (!firsts.has(lane)) firsts.set(lane, entry);
  }
  return [...firsts.values()];
}
