import { attemptOf, type Item } from './item.js';
import { orderKey, type ParkedEntry, type StoredEntry } from './message.js';
import type { Change, Head, OutboxStorage, Unclaimed } from './outbox-storage.js';
import type { ShardWork } from './shard-work.js';
import { verdictOf, type Verdict } from './verdict.js';

export interface CarefulStartOptions {
  readonly storage: OutboxStorage;
  /** As many as the former owner may have had in calls. */
  readonly maxInFlight: number;
  /** Sends this one entry, alone in the process; undefined: it has arrived. */
  readonly sendAlone: (item: Item) => Promise<Error | undefined>;
  readonly judge: (item: Item, error: Error) => Verdict;
  /** What the key of this entry waits for now. */
  readonly onHead: (work: ShardWork, entry: StoredEntry, head: Head | undefined, aborted: boolean) => void;
  readonly restart: (work: ShardWork) => void;
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
    for (const entry of await this.suspects(works)) {
      const work = byShard.get(entry.shard);
      if (work && this.o.mayGoOn(work)) await this.deliver(work, entry);
    }
  }

  private async suspects(works: readonly ShardWork[]): Promise<(StoredEntry | ParkedEntry)[]> {
    const { storage, maxInFlight: limit } = this.o;
    const shards = works.map(({ claim }) => claim.shard);
    const [flow, { due }] = await Promise.all([
      storage.read(works.map((work) => ({ shard: work.claim.shard, after: work.readUpTo, limit }))),
      storage.due(shards, this.o.destinations(), limit),
    ]);
    const heldKeys = new Set((await storage.heldKeys(shards)).map(orderKey));
    const parked = due.filter((entry) => entry.id > 0n && !behindUnread(entry, flow, limit));
    const firsts = new Map<string, StoredEntry>();
    for (const entry of [...flow, ...parked].toSorted(byId)) {
      const lane = orderKey(entry) ?? `${entry.shard} ${entry.id}`;
      if (!firsts.has(lane)) firsts.set(lane, entry);
    }
    // Of a held key only what is due may go, or what comes before that.
    const dueKeys = new Set(parked.map(orderKey));
    const mayGo = (key: string | undefined): boolean => !heldKeys.has(key) || dueKeys.has(key);
    return [...firsts.values()].filter((entry) => mayGo(orderKey(entry))).slice(0, limit);
  }

  private async deliver(work: ShardWork, entry: StoredEntry | ParkedEntry): Promise<void> {
    const parked = 'attempts' in entry;
    const before = {
      entry,
      from: 'parked' as const,
      attempts: parked ? entry.attempts : 0,
      history: parked ? entry.history : [],
    };
    const move: Draft[] = parked ? [] : [{ kind: 'move', ids: [entry.id], due: false }];
    if (before.attempts > 0 && this.o.retry.delayFor(before.attempts) === undefined) {
      const { attempts, history } = verdictOf({ ...before, counted: true }, ENDED, this.o.retry, this.o.nowMs());
      return this.settle(work, entry, [
        ...move,
        { kind: 'bury', id: entry.id, holds: this.holds(entry), attempts, history },
      ]);
    }
    const item: Item = { ...before, attempts: attemptOf(before), counted: true };
    const { attempts, history } = item;
    const { fenced } = await this.write(work, [
      ...move,
      { kind: 'putOff', id: entry.id, attempts, delayMs: 0, history },
    ]);
    if (fenced.length > 0) return this.o.restart(work);
    const error = await this.o.sendAlone(item);
    return this.settle(work, entry, [error ? this.failed(item, error) : { kind: 'remove', ids: [entry.id] }]);
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
    return this.o.storage.rearrange(changes.map((change) => ({ ...change, claim: work.claim })));
  }
}

type Draft = Unclaimed<Change>;

const ENDED = new Error('The process ended during this attempt.');

/** Something of its key that comes before it may not be among what was read. */
function behindUnread({ shard, id }: ParkedEntry, flow: readonly StoredEntry[], limit: number): boolean {
  const own = flow.filter((entry) => entry.shard === shard);
  const last = own.at(-1);
  return own.length >= limit && last !== undefined && last.id < id;
}

function byId(a: StoredEntry, b: StoredEntry): number {
  return a.id < b.id ? -1 : 1;
}
