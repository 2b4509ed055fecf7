import type { Clock } from 'nestjs-turnpike/timing';
import type { HeldKeys } from './held-keys.js';
import { orderKey } from './message.js';
import type { Change, HeldKey, OpenedShard, OutboxStorage } from './outbox-storage.js';
import { ShardWork } from './shard-work.js';

/**
 * - `assigned`: leased to this process, but its token is not drawn yet, or must be drawn anew. `careful`: its former owner
 *   did not give it back.
 * - `working`: claimed. Its work may be closing: it is being handed over, or is about to be claimed anew.
 */
type ShardState =
  { readonly kind: 'assigned'; readonly careful: boolean } | { readonly kind: 'working'; readonly work: ShardWork };

/** A shard's part of a read. */
export interface NextRead {
  readonly work: ShardWork;
  readonly after: bigint;
  readonly limit: number;
}

export interface ShardsOptions {
  readonly storage: Pick<OutboxStorage, 'claim' | 'heldKeys' | 'rearrange' | 'savePositions'>;
  readonly heldKeys: HeldKeys;
  readonly clock: Clock;
  readonly holds: (shard: number) => boolean;
  /** A shard is to be claimed. */
  readonly onReady: () => void;
  readonly onError: (error: unknown) => void;
}

/** However many shards share a read, each gets this many entries of it, so that a quiet one is not kept waiting. */
const LEAST_PER_SHARD = 20;

/** The shards of one relay. */
export class Shards {
  private readonly states = new Map<number, ShardState>();
  /** Those that are not to be claimed anew when they are through. */
  private readonly leaving = new WeakSet<ShardWork>();

  constructor(private readonly o: ShardsOptions) {}

  get count(): number {
    return this.states.size;
  }

  assign(shards: readonly number[], careful: boolean): void {
    for (const shard of shards) {
      void this.workOf(shard)?.close(); // under a former lease
      this.states.set(shard, { kind: 'assigned', careful });
    }
  }

  workOf(shard: number): ShardWork | undefined {
    const state = this.states.get(shard);
    return state?.kind === 'working' ? state.work : undefined;
  }

  get all(): number[] {
    return [...this.states.keys()];
  }

  has(shard: number): boolean {
    return this.states.has(shard);
  }

  get open(): ShardWork[] {
    return [...this.states.values()].flatMap((s) => (s.kind === 'working' && !s.work.closing ? [s.work] : []));
  }

  /**
   * Draws tokens for what is assigned, and holds what its former owner held, before anything of it is read. Not for a shard
   * whose lease has ended: that would fence its next owner. Gives those whose former owner did not give them back.
   */
  async claim(): Promise<ShardWork[]> {
    const assigned = new Map<number, boolean>();
    for (const [shard, state] of this.states) {
      if (state.kind === 'assigned' && this.o.holds(shard)) assigned.set(shard, state.careful);
    }
    const shards = [...assigned.keys()];
    if (shards.length === 0) return [];
    const opened = await this.o.storage.claim(shards);
    const held = await this.holdsOf(opened);
    const careful: ShardWork[] = [];
    for (const shard of opened) {
      // It may have been revoked meanwhile.
      if (this.states.get(shard.shard)?.kind !== 'assigned') continue;
      this.o.heldKeys.forget(shard.shard);
      this.o.heldKeys.restore(held.filter((head) => head.shard === shard.shard));
      const work = new ShardWork(shard);
      this.states.set(shard.shard, { kind: 'working', work });
      if (assigned.get(shard.shard)) careful.push(work);
    }
    return careful;
  }

  /** What the keys of these shards wait for. Of one that waits for several, as after a requeue, the table says which is first. */
  private async holdsOf(opened: readonly OpenedShard[]): Promise<readonly HeldKey[]> {
    const { storage } = this.o;
    const heads = new Map<string, HeldKey[]>();
    for (const head of await storage.heldKeys(opened.map(({ shard }) => shard))) {
      const key = orderKey(head) ?? '';
      heads.set(key, [...(heads.get(key) ?? []), head]);
    }
    const claims = new Map(opened.map((claim) => [claim.shard, claim]));
    const changes = [...heads.values()].flatMap(([head, ...more]): Change[] => {
      const claim = head && claims.get(head.shard);
      return claim && more.length > 0 ? [{ kind: 'passOn', claim, key: head }] : [];
    });
    if (changes.length === 0) return [...heads.values()].flat();
    const { heads: firsts } = await storage.rearrange(changes);
    return [...heads].flatMap(([key, [head]]) => {
      const headId = firsts.has(key) ? firsts.get(key)?.id : head?.headId;
      return head && headId !== undefined ? [{ ...head, headId }] : [];
    });
  }

  /** Stops working on them, and resolves when nothing of them is under way. */
  async revoke(shards: readonly number[]): Promise<void> {
    const works = shards.flatMap((shard) => this.workOf(shard) ?? []);
    for (const shard of shards) if (!this.workOf(shard)) this.states.delete(shard);
    for (const work of works) this.leaving.add(work);
    await Promise.all(works.map((work) => work.close()));
    await this.savePositions(works);
    for (const work of works) if (this.workOf(work.claim.shard) === work) this.forget(work.claim.shard);
  }

  /**
   * Its token is not the newest any more, its lease was in doubt, or what is stored is: it is claimed anew when nothing of
   * it is under way.
   */
  restart(work: ShardWork, careful = false): void {
    if (!work.closing) void this.closeAndAssign(work, careful);
  }

  private async closeAndAssign(work: ShardWork, careful: boolean): Promise<void> {
    const { shard } = work.claim;
    await work.close();
    if (this.workOf(shard) !== work || this.leaving.has(work)) return;
    this.forget(shard);
    this.assign([shard], careful);
    this.o.onReady();
  }

  /**
   * What to read next, with room for so many entries; busy shards get most of it. `half`: of the busy ones, only those whose
   * turn it is, so that the others can be read while what comes of these is set going.
   */
  nextReads(room: number, half: boolean): NextRead[] {
    const { open } = this;
    const quiet = open.filter((work) => work.dirty && !work.busy);
    const atMost = half ? Math.ceil(open.filter((work) => work.busy).length / 2) : Infinity;
    const busy = open
      .filter((work) => work.dirty && work.busy)
      .toSorted((a, b) => a.reads - b.reads)
      .slice(0, atMost);
    const share = Math.max(LEAST_PER_SHARD, Math.floor(room / Math.max(1, quiet.length + busy.length)));
    const rest = room - quiet.length * LEAST_PER_SHARD;
    const ofBusy = Math.max(LEAST_PER_SHARD, Math.floor(rest / Math.max(1, busy.length)));
    const ofQuiet = busy.length > 0 ? LEAST_PER_SHARD : share;
    return [
      ...quiet.map((work) => ({ work, limit: ofQuiet, after: work.readUpTo })),
      ...busy.map((work) => ({ work, limit: ofBusy, after: work.readUpTo })),
    ].map((next) => {
      next.work.isRead();
      return next;
    });
  }

  /** Something may have come; all shards when none is named. */
  touch(shards?: readonly number[]): void {
    for (const work of shards ? shards.flatMap((shard) => this.workOf(shard) ?? []) : this.open) work.dirty = true;
  }

  async savePositions(works: readonly ShardWork[] = this.open): Promise<void> {
    const unsaved = works.flatMap((work) => {
      const position = work.unsaved;
      return position ? [{ work, position }] : [];
    });
    if (unsaved.length === 0) return;
    try {
      const { fenced } = await this.o.storage.savePositions(unsaved.map(({ position }) => position));
      for (const { work, position } of unsaved) {
        if (fenced.includes(work.claim.shard)) this.restart(work);
        else work.positionSaved(position.position);
      }
    } catch (error) {
      this.o.onError(error); // the next owner reads a little more
    }
  }

  private forget(shard: number): void {
    this.states.delete(shard);
    this.o.heldKeys.forget(shard);
  }
}
