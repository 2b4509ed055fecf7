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
 * - `overflowing`: what is read is parked behind what is here, which is still being sent.
 * - `parked`: entries of the key wait in the parked table; what is read goes behind them.
 * - `sending`: the first of those are here and being sent; `sent` have arrived.
 */
type LaneState =
  { readonly kind: 'flowing' | 'overflowing' | 'parked' } | { readonly kind: 'sending'; readonly sent: bigint[] };

const FLOWING: LaneState = { kind: 'flowing' };
const OVERFLOWING: LaneState = { kind: 'overflowing' };
const PARKED: LaneState = { kind: 'parked' };

/**
 * The entries of one key on their way to one destination, in order: one publish call at a time, and none while an earlier
 * entry of the key waits for its retry.
 *
 * The order holds because an entry is in one place at a time, and the places are in id order: first what is in a call, then
 * `queue`, then the parked table, then `waiting`, which is about to be moved there.
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
  private inCall = false;
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
    if (this.state.kind === 'flowing' && full) this.state = OVERFLOWING;
    if (this.state.kind !== 'flowing') return this.wait(item);
    this.queue.push(item);
    this.enlist();
  }

  /** Something of the key is parked and due; nothing read later may go before it. */
  yield(): void {
    if (this.state.kind === 'flowing') this.state = OVERFLOWING;
    this.settleDown();
  }

  /** Whether parked entries could be loaded now. */
  mayLoad(headId: bigint): boolean {
    const idle = this.state.kind === 'parked' && this.changes === 0 && !this.work.closing;
    return idle && this.work.hasReadBefore(headId);
  }

  /** Parked entries of it are here. */
  get sending(): boolean {
    return this.state.kind === 'sending';
  }

  /** The first parked entries of the key, in id order. */
  load(entries: readonly ParkedEntry[]): void {
    const [first, last] = [entries[0], entries.at(-1)];
    if (!first || !last || !this.mayLoad(first.id)) return;
    // Something of the key that comes before them is on its way to the table: after a restart, they were parked first.
    const unmoved = this.moving[0] ?? this.waiting[0];
    if (unmoved && idOf(unmoved) < last.id) return;
    this.state = { kind: 'sending', sent: [] };
    for (const entry of entries) this.queue.push(fromParked(entry));
    this.enlist();
  }

  /** What the next call may have of it, at most `max`; an entry that failed before goes in a call of its own. */
  take(max: number, alone: boolean): Item[] {
    const taken: Item[] = [];
    const limit = this.destination.ordered ? max : 1;
    for (let next = this.queue.peek(); next && taken.length < limit; next = this.queue.peek()) {
      if (next.attempts > 0 && (!alone || taken.length > 0)) break;
      if (next.from === 'flow' && !this.s.heldKeys.enter(this.id, idOf(next))) break;
      this.queue.shift();
      taken.push(next);
      if (next.attempts > 0) break;
    }
    this.inCall = taken.length > 0;
    this.work.begin(taken.length);
    return taken;
  }

  get ready(): boolean {
    return this.queue.length > 0 && !this.inCall && !this.work.closing;
  }

  ended(items: readonly Item[], errors: readonly (Error | undefined)[], excused: boolean): void {
    this.inCall = false;
    const failed: Item[] = [];
    for (const [index, item] of items.entries()) {
      const sent = errors[index] === undefined;
      if (item.from === 'flow') this.s.heldKeys.leave(this.id, idOf(item), sent);
      if (sent) this.sent(item);
      else failed.push(item);
    }
    if (excused) for (const item of failed.toReversed()) this.queue.unshift(item);
    else this.firstFailed(failed, errors);
    this.goOn();
    this.work.end(items.length);
  }

  /** Only the first failure counts; what failed behind it was never the key's turn. */
  private firstFailed([first, ...behind]: readonly Item[], errors: readonly (Error | undefined)[]): void {
    const error = errors.find((candidate) => candidate !== undefined);
    if (!first || !error) return;
    if (first.from === 'flow') this.failed(first, behind, error);
    else this.failedAgain(first, error);
  }

  /** Its shard is closing: what was not sent stays in the tables. */
  close(): void {
    this.s.onDropped([...this.queue.clear(), ...this.waiting]);
    this.waiting = [];
    this.goOn();
  }

  private enlist(): void {
    if (this.ready) this.destination.enlist(this);
  }

  private sent(item: Item): void {
    if (this.state.kind === 'sending' && item.from === 'parked') return void this.state.sent.push(idOf(item));
    this.work.begin();
    this.s.settler.add(this.work, item);
  }

  /** An entry of the flow failed: it and all behind it are parked. */
  private failed(item: Item, behind: readonly Item[], error: Error): void {
    this.s.heldKeys.hold(item.entry);
    const moved = [item, ...behind, ...this.queue.clear(), ...this.waiting];
    this.waiting = [];
    this.state = PARKED;
    this.change([this.move(moved), ...this.afterFailure(item, error)], moved);
  }

  /** A parked entry failed: the others stay behind it. */
  private failedAgain(item: Item, error: Error): void {
    const sent = this.state.kind === 'sending' ? this.state.sent : [];
    this.queue.clear();
    this.state = PARKED;
    this.change([...removed(sent), ...this.afterFailure(item, error)]);
  }

  private afterFailure(item: Item, error: Error): Draft[] {
    const { kind, attempts, history, ...verdict } = this.s.judge(item, error);
    const id = idOf(item);
    if (kind === 'retry' && 'delayMs' in verdict) {
      const putOff: Draft = { kind: 'putOff', id, attempts, delayMs: verdict.delayMs, history };
      return item.from === 'flow' ? [putOff] : [putOff, this.passOn];
    }
    return [{ kind: 'bury', id, holds: !this.s.continues, attempts, history }, this.passOn];
  }

  private goOn(): void {
    if (this.work.closing) this.s.onDropped(this.queue.clear());
    if (this.state.kind === 'sending' && this.queue.length === 0 && !this.inCall) {
      const { sent } = this.state;
      this.state = PARKED;
      if (sent.length > 0) this.change([...removed(sent), this.passOn]);
    }
    if (this.work.closing) return;
    this.settleDown();
    this.enlist();
    if (this.state.kind === 'flowing' && this.queue.length === 0 && !this.inCall) this.work.lanes.delete(this.id);
  }

  /** What was here when the key overflowed is through: what was parked meanwhile is next. */
  private settleDown(): void {
    if (this.state.kind !== 'overflowing' || this.queue.length > 0 || this.inCall) return;
    this.state = PARKED;
    this.change([this.passOn]);
  }

  private wait(item: Item): void {
    this.waiting.push(item);
    if (this.moveAsked) return;
    this.moveAsked = true;
    this.work.begin();
    let moved: readonly Item[] = [];
    this.s.writer.move({
      changes: () => {
        this.moveAsked = false;
        if (!this.work.closing) [moved, this.waiting] = [this.waiting, []];
        this.moving = moved;
        if (moved.length === 0) return [];
        // Whoever comes after a crash must find a head; here, the key's turn does not come before `settleDown`.
        const head: Draft[] = this.s.heldKeys.has(this.id) ? [] : [this.passOn];
        return [this.move(moved), ...head].map(this.claimed);
      },
      done: (result) => {
        this.moving = [];
        if (moved.length > 0) this.changed(result, moved);
        this.work.end();
      },
    });
  }

  private change(drafts: readonly Draft[], moved: readonly Item[] = []): void {
    const aborted = drafts.some((draft) => draft.kind === 'bury' && !draft.holds);
    this.changes += 1;
    this.work.begin();
    this.s.writer.submit({
      changes: () => drafts.map(this.claimed),
      done: (result) => {
        this.changes -= 1;
        this.changed(result, moved, aborted);
        this.work.end();
      },
    });
  }

  private changed({ fenced, heads }: Rearranged, moved: readonly Item[], aborted = false): void {
    if (fenced.includes(this.work.claim.shard)) {
      this.s.onDropped(moved);
      return this.s.onFenced(this.work);
    }
    this.s.onMoved(moved);
    if (!this.work.closing && heads.has(this.id)) this.waitsFor(heads.get(this.id), aborted);
  }

  /** What the key waits for now, by the table. */
  waitsFor(head: Head | undefined, aborted = false): void {
    if (this.state.kind !== 'parked') return;
    this.s.heldKeys.passOn(this.id, this.work.claim.shard, head?.id, aborted);
    if (!head) return this.open();
    if (head.kind === 'due') this.s.fetch(this);
  }

  private open(): void {
    this.state = FLOWING;
    const waiting = this.waiting;
    this.waiting = [];
    for (const item of waiting) this.add(item);
    this.goOn();
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
