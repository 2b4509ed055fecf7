import type { RetryPolicy } from 'nestjs-turnpike/timing';
import type { Dispatcher, Outcome } from './dispatcher.js';
import type { HeldKeys } from './held-keys.js';
import { orderKey, type ParkedEntry, type StoredEntry } from './message.js';
import type { OutboxStorage, Retry } from './outbox-storage.js';
import type { RelayShards } from './relay-shards.js';
import { Settler } from './settler.js';

export interface RoundDependencies {
  readonly storage: OutboxStorage;
  readonly dispatcher: Dispatcher;
  readonly shards: RelayShards;
  readonly heldKeys: HeldKeys;
  readonly retry: RetryPolicy;
  readonly stop: AbortSignal;
  readonly onFailed: (entry: StoredEntry, attempt: number, error: Error) => void;
}

/** The most of a key's parked entries that one round sends, so that a long backlog does not hold up the round. */
export const PARKED_PER_ROUND = 100;

/**
 * What one round does with the entries it has read: fresh ones in lanes, one lane per key; parked ones in chains, one
 * chain per held key. Lanes and chains run side by side, each sends one entry at a time.
 *
 * The order of a key holds because `parkBehind` ran before any of them: a chain that opens its key has all entries that
 * were read of it in the table, and nothing more is read until the round has ended.
 */
export class RelayRound {
  readonly counts = { sent: 0, failed: 0 };
  /** Shards whose entries were read and are neither settled nor parked: they must be claimed and read anew. */
  readonly unfinished = new Set<number>();
  private readonly settler: Settler;

  constructor(private readonly d: RoundDependencies) {
    this.settler = new Settler(d.storage);
  }

  /** Parks the fresh entries whose key is held, and gives the others as lanes. */
  async parkBehind(fresh: readonly StoredEntry[]): Promise<StoredEntry[][]> {
    const lanes = new Map<string, StoredEntry[]>();
    const behind = new Map<number, bigint[]>();
    for (const entry of fresh) {
      const lane = orderKey(entry) ?? `${entry.shard}\u0000${entry.id}`;
      if (this.d.heldKeys.enter(entry)) append(lanes, lane, entry);
      else append(behind, entry.shard, entry.id);
    }
    for (const [shard, ids] of behind) await this.park(shard, [], ids);
    return [...lanes.values()];
  }

  async run(lanes: readonly StoredEntry[][], due: readonly ParkedEntry[]): Promise<void> {
    const running = [...lanes.map((lane) => this.runLane(lane)), ...due.map((head) => this.runChain(head))];
    const results = await Promise.allSettled(running);
    for (const shard of await this.settler.drain()) this.unfinished.add(shard);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  private async runLane(lane: readonly StoredEntry[]): Promise<void> {
    try {
      for (const [index, entry] of lane.entries()) {
        const outcome = await this.send({ ...entry, attempts: 0 });
        const claim = this.d.shards.claimOf(entry.shard);
        if (outcome.kind === 'withheld' || !claim) return void this.unfinished.add(entry.shard);
        if (outcome.kind === 'failed') {
          this.d.heldKeys.hold(entry);
          const retry = this.retryOf({ ...entry, attempts: 1 }, outcome.error);
          return await this.park(
            entry.shard,
            [retry],
            lane.slice(index + 1).map(({ id }) => id),
          );
        }
        this.settler.add(claim, entry.id);
      }
    } finally {
      for (const entry of lane) this.d.heldKeys.leave(entry);
    }
  }

  private async runChain(head: ParkedEntry): Promise<void> {
    const claim = this.d.shards.claimOf(head.shard);
    if (!claim) return;
    const { storage, heldKeys } = this.d;
    const chain = head.key === null ? [head] : await storage.parkedOf(head, PARKED_PER_ROUND);
    const { sent, retry } = await this.sendChain(chain);
    if (sent.length === 0 && !retry) return;
    const settled = await storage.settleParked({ claim, namespace: head.namespace, key: head.key, sent, retry });
    if (settled.fenced) this.unfinished.add(head.shard);
    else heldKeys.passOn(head, settled.head);
  }

  private async sendChain(chain: readonly ParkedEntry[]): Promise<{ sent: bigint[]; retry: Retry | undefined }> {
    const sent: bigint[] = [];
    for (const entry of chain) {
      const outcome = await this.send(entry);
      if (outcome.kind === 'withheld') break;
      if (outcome.kind === 'failed') {
        return { sent, retry: this.retryOf({ ...entry, attempts: entry.attempts + 1 }, outcome.error) };
      }
      sent.push(entry.id);
    }
    return { sent, retry: undefined };
  }

  private async send(entry: ParkedEntry): Promise<Outcome> {
    const outcome = await this.d.dispatcher.send(entry, this.d.stop);
    if (outcome.kind === 'sent') this.counts.sent += 1;
    if (outcome.kind === 'failed') {
      this.counts.failed += 1;
      this.d.onFailed(entry, entry.attempts + 1, outcome.error);
    }
    return outcome;
  }

  private retryOf(entry: ParkedEntry, error: Error): Retry {
    const delayMs = this.d.retry.delayFor(entry.attempts);
    if (delayMs === undefined) throw new Error('A retry policy of the outbox must not end.');
    return { entry, error: error.message, delayMs };
  }

  private async park(shard: number, failed: readonly Retry[], behind: readonly bigint[]): Promise<void> {
    const claim = this.d.shards.claimOf(shard);
    const parked = claim && (await this.d.storage.park(claim, failed, behind));
    if (!parked || parked.fenced) this.unfinished.add(shard);
  }
}

function append<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
