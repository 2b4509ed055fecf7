import { orderKey, type NewEntry, type OrderKey, type ParkedEntry, type StoredEntry } from '../core/message.js';
import type { DeadLetter, DeadLetterFilter, HeldKeyInfo, OutboxOperations, Pause } from '../core/outbox-operations.js';
import type {
  Backlog,
  Change,
  ClaimedShard,
  DueEntries,
  Head,
  HeldKey,
  OpenedShard,
  OperatorRequest,
  OutboxStorage,
  ReadFrom,
  Rearranged,
} from '../core/outbox-storage.js';

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };
type Parked = Mutable<ParkedEntry> & { availableAt: number | null; requested: 'release' | null };
type Dead = Mutable<DeadLetter> & { readonly shard: number };

/** What `MemoryOutboxStorage.publish` writes in: nothing is seen before its `commit`. */
export class MemoryTransaction {
  readonly entries: NewEntry[] = [];

  constructor(private readonly write: (entries: readonly NewEntry[]) => void) {}

  commit(): void {
    this.write(this.entries.splice(0));
  }
}

/** An outbox's tables in memory, for tests: the same contract, without a database. `nowMs` is its clock. */
export class MemoryOutboxStorage implements OutboxStorage<MemoryTransaction>, OutboxOperations {
  private flow: StoredEntry[] = [];
  private parked: Parked[] = [];
  private dead: Dead[] = [];
  private readonly shards = new Map<number, OpenedShard>();
  private paused: Pause[] = [];
  private lastId = 0n;
  private lastDelayedId = 0n;

  constructor(private readonly nowMs: () => number = Date.now) {}

  begin(): MemoryTransaction {
    return new MemoryTransaction((entries) => this.insert(entries));
  }

  async publish(tx: MemoryTransaction, entries: readonly NewEntry[]): Promise<void> {
    tx.entries.push(...entries);
  }

  async claim(shards: readonly number[]): Promise<OpenedShard[]> {
    return shards.map((shard) => {
      const { token = 0n, position = 0n } = this.shards.get(shard) ?? {};
      const opened = { shard, token: token + 1n, position };
      this.shards.set(shard, opened);
      return opened;
    });
  }

  async heldKeys(shards: readonly number[]): Promise<HeldKey[]> {
    return this.heads()
      .filter(({ shard }) => shards.includes(shard))
      .map(({ shard, namespace, destination, key, headId }) => ({ shard, namespace, destination, key, headId }));
  }

  async listHeldKeys(limit: number): Promise<HeldKeyInfo[]> {
    return this.heads().slice(0, limit);
  }

  async read(from: readonly ReadFrom[]): Promise<StoredEntry[]> {
    return from.flatMap(({ shard, after, limit }) =>
      this.flow.filter((entry) => entry.shard === shard && entry.id > after).slice(0, limit),
    );
  }

  async readBelow(positions: readonly { shard: number; position: bigint }[]): Promise<StoredEntry[]> {
    return positions.flatMap(({ shard, position }) =>
      this.flow.filter((entry) => entry.shard === shard && entry.id <= position),
    );
  }

  async settle(sent: readonly { claim: ClaimedShard; ids: readonly bigint[] }[]) {
    const held = sent.filter(({ claim }) => this.holds(claim));
    const gone = new Set(held.flatMap(({ claim, ids }) => ids.map((id) => `${claim.shard} ${id}`)));
    this.flow = this.flow.filter(({ shard, id }) => !gone.has(`${shard} ${id}`));
    return { fenced: this.fencedOf(sent.map(({ claim }) => claim)) };
  }

  async rearrange(changes: readonly Change[]): Promise<Rearranged> {
    const heads = new Map<string, Head | undefined>();
    const allowed = changes.filter(({ claim }) => this.holds(claim));
    for (const change of allowed) if (change.kind === 'move') this.make(change);
    for (const change of allowed) {
      if (change.kind === 'passOn') heads.set(orderKey(change.key) ?? '', this.passOn(change.claim.shard, change.key));
      else if (change.kind !== 'move') this.make(change);
    }
    return { fenced: this.fencedOf(changes.map(({ claim }) => claim)), heads };
  }

  async due(shards: readonly number[], destinations: readonly string[], limit: number): Promise<DueEntries> {
    const waiting = this.parked
      .filter((row) => shards.includes(row.shard) && destinations.includes(row.destination))
      .filter((row) => row.availableAt !== null)
      .toSorted((a, b) => (a.availableAt ?? 0) - (b.availableAt ?? 0));
    const [first] = waiting;
    if (!first) return { due: [], nextInMs: undefined };
    const nowMs = this.nowMs();
    const due = waiting.filter(({ availableAt }) => (availableAt ?? 0) <= nowMs).slice(0, limit);
    return { due: due.map(copy), nextInMs: Math.max(0, (first.availableAt ?? 0) - nowMs) };
  }

  async parkedOf(keys: readonly (OrderKey & { readonly shard: number })[], limit: number): Promise<ParkedEntry[]> {
    return keys.flatMap((key) => this.ofKey(this.parked, key.shard, key).slice(0, limit).map(copy));
  }

  async requests(shards: readonly number[], limit: number): Promise<OperatorRequest[]> {
    const asked = (from: 'parked' | 'dead') => (row: Parked | Dead) => ({
      kind: row.requested ?? 'release',
      from,
      shard: row.shard,
      id: row.id,
      key: row.key === null ? undefined : { namespace: row.namespace, destination: row.destination, key: row.key },
      attempts: row.attempts,
      history: row.history,
    });
    const marked = <Row extends Parked | Dead>(rows: Row[]): Row[] =>
      rows.filter(({ shard, requested }) => requested !== null && shards.includes(shard));
    return [...marked(this.parked).map(asked('parked')), ...marked(this.dead).map(asked('dead'))]
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit);
  }

  async savePositions(positions: readonly OpenedShard[]) {
    for (const position of positions) if (this.holds(position)) this.shards.set(position.shard, { ...position });
    return { fenced: this.fencedOf(positions) };
  }

  async backlog(shards: readonly number[]): Promise<Backlog> {
    const ours = <Row extends { shard: number }>(rows: readonly Row[]): Row[] =>
      rows.filter(({ shard }) => shards.includes(shard));
    const created = ours(this.flow).map(({ createdAtMs }) => createdAtMs);
    return {
      pending: created.length,
      parked: ours(this.parked).length,
      deadLetters: ours(this.dead).length,
      oldestAgeMs: created.length === 0 ? 0 : this.nowMs() - Math.min(...created),
    };
  }

  async deadLetters(filter: DeadLetterFilter, limit: number, before?: bigint): Promise<DeadLetter[]> {
    return this.dead
      .filter((row) => matches(row, filter) && (before === undefined || row.id < before))
      .toSorted((a, b) => (a.id > b.id ? -1 : 1))
      .slice(0, limit)
      .map((row) => ({ ...row }));
  }

  async request(kind: 'requeue' | 'purge', filter: DeadLetterFilter) {
    const marked = this.dead.filter((row) => matches(row, filter));
    for (const row of marked) row.requested = kind;
    return { count: marked.length, shards: [...new Set(marked.map(({ shard }) => shard))] };
  }

  async release(key: OrderKey) {
    const head = this.heads().find((one) => orderKey(one) === orderKey(key));
    const row = [...this.dead, ...this.parked].find(({ id, shard }) => id === head?.headId && shard === head.shard);
    if (!row) return { shards: [] };
    row.requested = 'release';
    return { shards: [row.shard] };
  }

  async outstanding(): Promise<number> {
    return [...this.parked, ...this.dead].filter(({ requested }) => requested !== null).length;
  }

  async pause(destination?: string): Promise<void> {
    if (this.paused.some((one) => one.destination === destination)) return;
    this.paused.push({ destination, sinceMs: this.nowMs() });
  }

  async resume(destination?: string): Promise<boolean> {
    const before = this.paused;
    this.paused = before.filter((one) => destination !== undefined && one.destination !== destination);
    return this.paused.length < before.length;
  }

  async pauses(): Promise<Pause[]> {
    return [...this.paused];
  }

  private insert(entries: readonly NewEntry[]): void {
    const createdAtMs = this.nowMs();
    for (const { due, ...entry } of entries) {
      if (!due) {
        this.flow.push({ ...entry, id: (this.lastId += 1n), createdAtMs });
        continue;
      }
      const availableAt = 'atMs' in due ? due.atMs : createdAtMs + due.inMs;
      const id = (this.lastDelayedId -= 1n);
      this.parked.push({ ...entry, id, createdAtMs, attempts: 0, history: [], availableAt, requested: null });
    }
  }

  private make(change: Exclude<Change, { kind: 'passOn' }>): void {
    const { shard } = change.claim;
    const isHis = (ids: readonly bigint[]) => (row: { shard: number; id: bigint }) =>
      row.shard === shard && ids.includes(row.id);
    switch (change.kind) {
      case 'move':
        for (const entry of take(this.flow, isHis(change.ids))) {
          const availableAt = change.due ? this.nowMs() : null;
          this.parked.push({ ...entry, attempts: 0, history: [], availableAt, requested: null });
        }
        return;
      case 'putOff':
        for (const row of this.parked.filter(isHis([change.id]))) {
          row.attempts = change.attempts;
          row.history = change.history;
          row.availableAt = this.nowMs() + Math.ceil(change.delayMs);
        }
        return;
      case 'bury':
        for (const { availableAt: _, ...row } of take(this.parked, isHis([change.id]))) {
          const { attempts, history, holds } = change;
          this.dead.push({ ...row, attempts, history, holds, deadAtMs: this.nowMs(), requested: null });
        }
        return;
      case 'remove':
        return void take(this.parked, isHis(change.ids));
      case 'flow': {
        const due = take(this.parked, isHis(change.ids)).toSorted(
          (a, b) => (a.availableAt ?? 0) - (b.availableAt ?? 0),
        );
        for (const { attempts: _a, history: _h, availableAt: _d, requested: _r, ...entry } of due) {
          this.flow.push({ ...entry, id: (this.lastId += 1n) });
        }
        return;
      }
      case 'requeue':
        for (const { holds: _h, deadAtMs: _d, ...row } of take(this.dead, isHis([change.id]))) {
          this.parked.push({ ...row, attempts: 0, availableAt: this.nowMs(), requested: null });
        }
        return;
      case 'purge':
        return void take(this.dead, isHis([change.id]));
      case 'release':
        for (const row of this.dead.filter(isHis([change.id]))) [row.holds, row.requested] = [false, null];
    }
  }

  private passOn(shard: number, key: OrderKey): Head | undefined {
    const [dead] = this.ofKey(
      this.dead.filter(({ holds }) => holds),
      shard,
      key,
    );
    if (dead) return { id: dead.id, kind: 'dead' };
    const [first] = this.ofKey(this.parked, shard, key);
    if (!first) return undefined;
    const nowMs = this.nowMs();
    first.availableAt ??= nowMs;
    return { id: first.id, kind: first.availableAt > nowMs ? 'later' : 'due' };
  }

  private ofKey<Row extends Parked | Dead>(rows: readonly Row[], shard: number, key: OrderKey): Row[] {
    return rows
      .filter((row) => row.shard === shard && row.id > 0n && orderKey(row) === orderKey(key))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  private heads(): HeldKeyInfo[] {
    const waiting = this.parked.filter(({ id, availableAt }) => id > 0n && availableAt !== null);
    const rows = [...this.dead.filter(({ holds }) => holds), ...waiting];
    const heads = new Map<string, HeldKeyInfo>();
    for (const row of rows) {
      const { namespace, destination, key, shard, id: headId, attempts, history } = row;
      if (key === null || heads.has(orderKey(row) ?? '')) continue;
      const dueInMs = 'availableAt' in row ? Math.max(0, (row.availableAt ?? 0) - this.nowMs()) : undefined;
      heads.set(orderKey(row) ?? '', {
        namespace,
        destination,
        key,
        shard,
        headId,
        attempts,
        dueInMs,
        waitsFor: dueInMs === undefined ? 'dead letter' : 'retry',
        lastError: history.at(-1)?.error,
        sinceMs: history[0]?.atMs,
      });
    }
    return [...heads.values()];
  }

  private holds({ shard, token }: ClaimedShard): boolean {
    return this.shards.get(shard)?.token === token;
  }

  private fencedOf(claims: readonly ClaimedShard[]): number[] {
    return [...new Set(claims.filter((claim) => !this.holds(claim)).map(({ shard }) => shard))];
  }
}

/** Removes those that match, and gives them. */
function take<Row>(rows: Row[], matching: (row: Row) => boolean): Row[] {
  const taken = rows.filter(matching);
  rows.splice(0, rows.length, ...rows.filter((row) => !taken.includes(row)));
  return taken;
}

function copy({ availableAt: _a, requested: _r, ...entry }: Parked): ParkedEntry {
  return entry;
}

function matches(row: Dead, { ids, ...equal }: DeadLetterFilter): boolean {
  if (ids && !ids.includes(row.id)) return false;
  return Object.entries(equal).every(([name, value]) => value === undefined || row[name as keyof Dead] === value);
}
