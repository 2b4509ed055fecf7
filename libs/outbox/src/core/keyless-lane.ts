import type { Destination, Source } from './destination.js';
import { Fifo } from './fifo.js';
import { fromParked, idOf, type Item } from './item.js';
import type { LaneServices } from './lane.js';
import type { ParkedEntry } from './message.js';
import type { Change, Rearranged, Unclaimed } from './outbox-storage.js';
import type { ShardWork } from './shard-work.js';

/** A shard's entries without a key for one destination and namespace: each is on its own, and holds nothing. */
export class KeylessLane implements Source {
  enlisted = false;
  private readonly queue = new Fifo<Item>();

  constructor(
    readonly work: ShardWork,
    readonly destination: Destination,
    readonly namespace: string,
    private readonly s: LaneServices,
  ) {}

  /** A read entry of the flow. */
  add(item: Item): void {
    if (this.destination.congested) return this.change([{ kind: 'move', ids: [idOf(item)], due: true }], [item]);
    this.queue.push(item);
    this.enlist();
  }

  /** A parked entry that is due. */
  load(entry: ParkedEntry): void {
    if (this.work.closing || this.work.loaded.has(entry.id)) return;
    this.work.loaded.add(entry.id);
    this.destination.loaded += 1;
    this.queue.push(fromParked(entry));
    this.enlist();
  }

  get ready(): boolean {
    return this.queue.length > 0 && !this.work.closing;
  }

  take(max: number, alone: boolean): readonly Item[] {
    const taken: Item[] = [];
    for (let next = this.queue.peek(); next && taken.length < max; next = this.queue.peek()) {
      if (next.attempts > 0 && (!alone || taken.length > 0)) break;
      this.queue.shift();
      taken.push(next);
      if (next.attempts > 0) break;
    }
    this.work.begin(taken.length);
    return taken;
  }

  ended(items: readonly Item[], errors: readonly (Error | undefined)[], excused: boolean): void {
    const again: Item[] = [];
    for (let index = 0; index < items.length; index += 1) {
      const item = items[index] as Item;
      const error = errors[index];
      if (!error) this.sent(item);
      else if (excused) again.push(item);
      else this.failed(item, error);
    }
    for (const item of again.toReversed()) this.queue.unshift(item);
    if (this.work.closing) this.close();
    this.enlist();
    this.work.end(items.length);
  }

  close(): void {
    const dropped = this.queue.clear();
    this.unload(dropped);
    this.s.onDropped(dropped);
  }

  private enlist(): void {
    if (this.ready) this.destination.enlist(this);
  }

  private sent(item: Item): void {
    if (item.from === 'parked') return this.change([{ kind: 'remove', ids: [idOf(item)] }], [item]);
    this.work.begin();
    this.s.settler.add(this.work, item);
  }

  private failed(item: Item, error: Error): void {
    const verdict = this.s.judge(item, error);
    const { attempts, history } = verdict;
    const id = idOf(item);
    const move: Draft[] = item.from === 'flow' ? [{ kind: 'move', ids: [id], due: false }] : [];
    const after: Draft =
      verdict.kind === 'retry'
        ? { kind: 'putOff', id, attempts, history, delayMs: verdict.delayMs }
        : { kind: 'bury', id, attempts, history, holds: false };
    this.change([...move, after], [item]);
  }

  private change(drafts: readonly Draft[], items: readonly Item[]): void {
    this.work.begin();
    this.s.writer.submit({
      changes: () => drafts.map((draft) => ({ ...draft, claim: this.work.claim })),
      done: (result) => this.changed(result, items),
    });
  }

  private unload(items: readonly Item[]): void {
    for (const { from, entry } of items) {
      if (from === 'parked' && this.work.loaded.delete(entry.id)) this.destination.loaded -= 1;
    }
  }

  private changed({ fenced }: Rearranged, items: readonly Item[]): void {
    if (fenced.includes(this.work.claim.shard)) {
      this.s.onDropped(items);
      this.s.onFenced(this.work);
    } else this.s.onMoved(items);
    this.unload(items);
    this.work.end();
  }
}

type Draft = Unclaimed<Change>;
