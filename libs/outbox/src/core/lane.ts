import type { Destination, Source } from './destination.js';
import { Fifo } from './fifo.js';
import type { HeldKeys } from './held-keys.js';
import { fromParked, idOf, type Item } from './item.js';
import type { OrderKey, ParkedEntry } from './message.js';
import type { Change, Head, Rearranged, Unclaimed } from './outbox-storage.js';
import type { Settler } from './settler.js';
import type { ShardWork } from './shard-work.js';
import type { Verdict } from './verdict.js';
import type { Writer } from './writer.js';

export interface LaneServices {
  readonly settler: Pick<Settler, 'add'>;
  readonly writer: Pick<Writer, 'move' | 'submit'>;
  readonly heldKeys: HeldKeys;
  /** How many entries of a key wait here to be sent; what is read beyond waits in the parked table. */
  readonly maxPerKey: number;
  /** A key goes on after a dead letter, instead of waiting for it to be requeued or purged. */
  readonly continues: boolean;
  readonly judge: (item: Item, error: Error) => Verdict;
  /** The lane's parked entries are due: fetch them and `load` them. */
  readonly fetch: (lane: Lane) => void;
  /** They are stored elsewhere than in the flow. */
  readonly onMoved: (items: readonly Item[]) => void;
  /** They are not in memory any more; the tables are as they were. */
  readonly onDropped: (items: readonly Item[]) => void;
  readonly onFenced: (work: ShardWork) => void;
}

/**
 * - `flowing`: nothing of the key is parked. What is read is sent.
 * - `parked`: entries of the key wait in the parked table; what is read goes behind them.
 * - `sending`: the first of those are here and being sent, or in a call; `sent` have arrived. `loaded` were fetched for it.
 */
type LaneState =
  | { readonly kind: 'flowing' | 'parked' }
  | { readonly kind: 'sending'; readonly loaded: number; readonly sent: bigint[] };

const FLOWING: LaneState = { kind: 'flowing' };
const PARKED: LaneState = { kind: 'parked' };
const NONE: readonly Item[] = [];

/**
 * The entries of one key on their way to one destination, in order: one publish call at a time, and none while an earlier
 * entry of the key waits for its retry.
 *
 * The order holds because an entry is in one place at a time, and the places are in id order: first what is in a call, then
 * `queue`, then the parked table, then `waiting`, which is about to be moved there. When more comes than may be here, all of
 * it is moved, what is in a call too: so the first parked entry of a key is the first of all that is not sent, and it alone
 * has a due time.
 */
export class Lane implements Source {
  private state: LaneState;
  private readonly queue = new Fifo<Item>();
  private waiting: Item[] = [];
  /** A move of `waiting` is asked for; what is being moved. */
  private moveAsked = false;
  private moving: readonly Item[] = [];
  /** Changes of what is parked that are not made yet: until they are, what the table gives is old. */
  private changes = 0;
  /** No change was asked for since the table was read. */
  private fresh = false;
  /** What is in a call; `parked`: it is in the parked table, or being moved there. */
  private call: { readonly items: readonly Item[]; parked: boolean } | undefined;
  private readonly key: OrderKey;
  /** In the destination's ring of lanes that have something to send. */
  enlisted = false;

  constructor(
    readonly work: ShardWork,
    readonly destination: Destination,
    /** `orderKey` of its entries. */
    readonly id: string,
    key: OrderKey,
    private readonly s: LaneServices,
  ) {
    this.key = key;
    this.state = s.heldKeys.has(id) ? PARKED : FLOWING;
  }

  get namespace(): string {
    return this.key.namespace;
  }

  get shardKey(): OrderKey & { readonly shard: number } {
    return { ...this.key, shard: this.work.claim.shard };
  }

  /** A read entry of the flow; they come in id order. */
  add(item: Item): void {
    const full = this.queue.length >= this.s.maxPerKey || this.destination.congested;
    if (this.state.kind === 'flowing' && full) this.yield();
    if (this.state.kind !== 'flowing') {
      this.waiting.push(item);
      return this.askToMove();
    }
    this.queue.push(item);
    this.enlist();
  }

  /** A parked entry of the key is due. */
  due(id: bigint): void {
    const head = this.s.heldKeys.headOf(this.id);
    if (this.state.kind === 'flowing') this.yield();
    // Its turn has not come, unless we are mistaken about the head.
    else if (head !== undefined && head < id) this.askForHead();
    else if (this.mayLoad(id)) this.s.fetch(this);
  }

  /** The key's parked entries are about to be read. False: what the table gives now would be old. */
  beginLoad(): boolean {
    this.fresh = this.changes === 0;
    return this.fresh;
  }

  /** The first parked entries of the key, in id order. */
  load(parked: readonly ParkedEntry[]): void {
    if (!parked[0] || !this.fresh || !this.mayLoad(parked[0].id)) return;
    const entries = this.first(parked);
    const last = entries.at(-1);
    if (!last) return this.askForHead();
    // Something of the key that comes before them is on its way to the table: after a restart, they were parked first.
    const unmoved = this.moving[0] ?? this.waiting[0];
    if (unmoved && idOf(unmoved) < last.id) return;
    this.state = { kind: 'sending', loaded: entries.length, sent: [] };
    this.destination.loaded += entries.length;
    for (const entry of entries) this.queue.push(fromParked(entry));
    this.enlist();
  }

  /** An operator's change of what the key waits for. False: its head may be on its way; ask again. */
  carryOut(change: Draft, gaveUp: boolean): boolean {
    if (this.state.kind === 'sending') return false;
    this.change([change, this.passOn], [], gaveUp);
    return true;
  }

  /** What the next call may have of it, at most `max`; an entry that failed before goes in a call of its own. */
  take(max: number, alone: boolean): readonly Item[] {
    const first = this.ready ? this.next(alone) : undefined;
    if (!first) return NONE;
    const taken = [first];
    const limit = this.destination.ordered && first.attempts === 0 ? max : 1;
    while (taken.length < limit) {
      const next = this.next(false);
      if (!next) break;
      taken.push(next);
    }
    this.call = { items: taken, parked: this.state.kind === 'sending' };
    this.work.begin(taken.length);
    return taken;
  }

  private next(alone: boolean): Item | undefined {
    const next = this.queue.peek();
    if (!next || (next.attempts > 0 && !alone)) return undefined;
    if (next.from === 'flow' && !this.s.heldKeys.enter(this.id, idOf(next))) return undefined;
    return this.queue.shift();
  }

  get ready(): boolean {
    return this.queue.length > 0 && !this.call && !this.work.closing;
  }

  ended(items: readonly Item[], errors: readonly (Error | undefined)[], excused: boolean): void {
    const parked = this.call?.parked ?? false;
    this.call = undefined;
    let failed = NONE;
    for (let index = 0; index < items.length; index += 1) {
      const item = items[index] as Item;
      const sent = errors[index] === undefined;
      if (item.from === 'flow') this.s.heldKeys.leave(this.id, idOf(item), sent);
      if (!sent) failed = [...failed, item];
      else if (this.state.kind === 'sending' && parked) this.state.sent.push(idOf(item));
      else this.settle(item);
    }
    if (failed.length > 0 && excused) this.putBack(failed, parked);
    else if (failed.length > 0) this.firstFailed(failed, errors, parked);
    this.goOn();
    this.work.end(items.length);
  }

  /** Its shard is closing: what was not sent stays in the tables. */
  close(): void {
    this.goOn();
  }

  private putBack(items: readonly Item[], parked: boolean): void {
    if (this.state.kind === 'flowing' || parked) {
      for (const item of items.toReversed()) this.queue.unshift(parked ? { ...item, from: 'parked' } : item);
    } else this.waiting.unshift(...items);
  }

  /** Only the first failure counts; what failed behind it was never the key's turn. */
  private firstFailed(
    [first, ...behind]: readonly Item[],
    errors: readonly (Error | undefined)[],
    parked: boolean,
  ): void {
    const error = errors.find((candidate) => candidate !== undefined);
    if (!first || !error) return;
    if (parked) this.failedAgain(first, error);
    else this.failed(first, behind, error);
  }

  private enlist(): void {
    if (this.ready) this.destination.enlist(this);
  }

  private settle(item: Item): void {
    this.work.begin();
    this.s.settler.add(this.work, item);
  }

  /** An entry of the flow failed: it and all behind it are parked. */
  private failed(item: Item, behind: readonly Item[], error: Error): void {
    // Of a shard that is closing, the holds are in the table; the next owner's may be here by now.
    if (!this.work.closing) this.s.heldKeys.hold(item.entry);
    const moved = [item, ...behind, ...this.queue.clear(), ...this.waiting];
    this.waiting = [];
    this.state = PARKED;
    const { after, gaveUp } = this.afterFailure(item, error);
    this.change([this.move(moved), after, ...(gaveUp ? [this.passOn] : [])], moved, gaveUp);
  }

  /** A parked entry failed: the others stay behind it. */
  private failedAgain(item: Item, error: Error): void {
    this.queue.clear();
    const { after, gaveUp } = this.afterFailure(item, error);
    this.change([...removed(this.stopSending()), after, this.passOn], [], gaveUp);
  }

  /** `gaveUp`: its key does not wait for it. */
  private afterFailure(item: Item, error: Error): { readonly after: Draft; readonly gaveUp: boolean } {
    const { kind, attempts, history, ...verdict } = this.s.judge(item, error);
    const id = idOf(item);
    if (kind === 'retry' && 'delayMs' in verdict) {
      return { after: { kind: 'putOff', id, attempts, delayMs: verdict.delayMs, history }, gaveUp: false };
    }
    const holds = !this.s.continues;
    return { after: { kind: 'bury', id, holds, attempts, history }, gaveUp: !holds };
  }

  private goOn(): void {
    if (this.work.closing) {
      this.s.onDropped([...this.queue.clear(), ...this.waiting]);
      this.waiting = [];
    }
    if (this.state.kind === 'sending' && this.queue.length === 0 && !this.call) {
      const sent = this.stopSending();
      if (sent.length > 0) this.change([...removed(sent), this.passOn]);
    }
    if (this.work.closing) return;
    this.enlist();
    this.rest();
  }

  private rest(): void {
    const idle = this.queue.length === 0 && !this.call && this.changes === 0;
    if (this.state.kind === 'flowing' && idle) this.work.lanes.delete(this.key);
  }

  /** Gives what has arrived of what was being sent. */
  private stopSending(): readonly bigint[] {
    const { state } = this;
    this.state = PARKED;
    if (state.kind !== 'sending') return [];
    this.destination.loaded -= state.loaded;
    return state.sent;
  }

  /** No longer flowing: all that is here goes to the parked table. */
  private yield(): void {
    this.waiting = this.queue.clear();
    this.state = this.call ? { kind: 'sending', loaded: 0, sent: [] } : PARKED;
    this.askToMove();
  }

  private askToMove(): void {
    if (this.moveAsked) return;
    this.moveAsked = true;
    this.work.begin();
    let moved: readonly Item[] = [];
    this.s.writer.move({
      changes: () => {
        this.moveAsked = false;
        if (this.work.closing || this.state.kind === 'flowing') return [];
        const calling = this.call && !this.call.parked ? this.call.items : [];
        if (this.call) this.call.parked = true;
        this.moving = moved = [...calling, ...this.waiting];
        this.waiting = [];
        const move: Draft[] = moved.length > 0 ? [this.move(moved)] : [];
        const head: Draft[] = this.s.heldKeys.has(this.id) ? [] : [this.passOn];
        return [...move, ...head].map(this.claimed);
      },
      done: (result) => {
        this.moving = [];
        this.changed(result, moved);
        this.work.end();
      },
    });
  }

  private askForHead(): void {
    if (this.state.kind === 'parked' && this.changes === 0 && !this.work.closing) this.change([this.passOn]);
  }

  private change(drafts: readonly Draft[], moved: readonly Item[] = [], gaveUp = false): void {
    this.changes += 1;
    this.fresh = false;
    this.work.begin();
    this.s.writer.submit({
      changes: () => drafts.map(this.claimed),
      done: (result) => {
        this.changes -= 1;
        this.changed(result, moved, gaveUp);
        this.rest();
        this.work.end();
      },
    });
  }

  private changed({ fenced, heads }: Rearranged, moved: readonly Item[], gaveUp = false): void {
    if (fenced.includes(this.work.claim.shard)) {
      this.s.onDropped(moved);
      return this.s.onFenced(this.work);
    }
    this.s.onMoved(moved);
    if (!this.work.closing && heads.has(this.id)) this.waitsFor(heads.get(this.id), gaveUp);
  }

  /** What the key waits for now, by the table. `gaveUp`: and no longer for what it waited for. */
  private waitsFor(head: Head | undefined, gaveUp: boolean): void {
    if (this.state.kind === 'flowing') {
      if (!head) return;
      this.yield(); // an operator has put something back
    }
    this.s.heldKeys.passOn(this.id, this.work.claim.shard, head?.id, gaveUp);
    if (this.state.kind === 'sending') return;
    if (!head) this.open();
    else if (head.kind === 'due') this.s.fetch(this);
  }

  private open(): void {
    this.state = FLOWING;
    const waiting = this.waiting;
    this.waiting = [];
    for (const item of waiting) this.add(item);
    this.goOn();
  }

  /** Whether parked entries from this one on could be loaded now. */
  private mayLoad(headId: bigint): boolean {
    const idle = this.state.kind === 'parked' && this.changes === 0 && !this.work.closing;
    return idle && this.work.hasReadBefore(headId);
  }

  /** Those that may go: nothing behind a dead letter that holds the key, nor what waits for a retry of its own. */
  private first(parked: readonly ParkedEntry[]): readonly ParkedEntry[] {
    const head = this.s.heldKeys.headOf(this.id);
    const dead = parked.some(({ id }) => id === head) ? undefined : head;
    const end = parked.findIndex(
      ({ id, attempts }, at) => (dead !== undefined && id > dead) || (at > 0 && attempts > 0),
    );
    return end < 0 ? parked : parked.slice(0, end);
  }

  private move(items: readonly Item[]): Draft {
    return { kind: 'move', ids: items.map(idOf), due: false };
  }

  private get passOn(): Draft {
    return { kind: 'passOn', key: this.key };
  }

  private readonly claimed = (draft: Draft): Change => ({ ...draft, claim: this.work.claim });
}

type Draft = Unclaimed<Change>;

function removed(ids: readonly bigint[]): Draft[] {
  return ids.length > 0 ? [{ kind: 'remove', ids }] : [];
}
