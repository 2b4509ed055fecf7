import type { Arrival } from './collector.js';
import type { Transaction } from './wire.js';

/** When each message's transaction committed, as numbers to compare; and its place in the transaction. */
export type Commits = ReadonlyMap<string, { readonly atUs: bigint; readonly place: number }>;

/** The first arrival of each message, by key, in the order in which they came. */
export function firstArrivals(arrivals: readonly Arrival[]): Map<string, string[]> {
  const seen = new Set<string>();
  const byKey = new Map<string, string[]>();
  for (const { id, key = '' } of arrivals) {
    if (seen.has(id)) continue;
    seen.add(id);
    const ids = byKey.get(key);
    if (ids) ids.push(id);
    else byKey.set(key, [id]);
  }
  return byKey;
}

/** The messages that came again, as often as they did. */
export function repeated(arrivals: readonly Arrival[]): Arrival[] {
  const seen = new Set<string>();
  return arrivals.filter(({ id }) => {
    if (seen.has(id)) return true;
    seen.add(id);
    return false;
  });
}

/** First arrivals that came after one of their key which committed later. */
export function outOfCommitOrder(arrivals: readonly Arrival[], commits: Commits): string[] {
  const broken: string[] = [];
  for (const [key, ids] of firstArrivals(arrivals)) {
    for (const [index, id] of ids.entries()) {
      const [before, after] = [commits.get(ids[index - 1] ?? ''), commits.get(id)];
      if (!before || !after || before.atUs < after.atUs) continue;
      if (before.atUs > after.atUs || (sameTransaction(ids[index - 1] ?? '', id) && before.place > after.place)) {
        broken.push(`${key}: ${id} after ${ids[index - 1]}`);
      }
    }
  }
  return broken;
}

/**
 * First arrivals that came after one of their key whose COMMIT was called when theirs had returned; and those of one
 * transaction that came in another order than they were published in.
 */
export function againstHappenedBefore(arrivals: readonly Arrival[], transactions: readonly Transaction[]): string[] {
  const of = new Map(transactions.flatMap((one) => one.messages.map(({ id }, place) => [id, { ...one, place }])));
  const broken: string[] = [];
  for (const [key, ids] of firstArrivals(arrivals)) {
    let latest = { calledNs: 0n, id: '' };
    const places = new Map<string, number>();
    for (const id of ids) {
      const one = of.get(id);
      if (!one) continue;
      if (one.returnedNs !== undefined && BigInt(one.returnedNs) < latest.calledNs) {
        broken.push(`${key}: ${id} after ${latest.id}`);
      }
      if (one.place < (places.get(one.tx) ?? 0)) broken.push(`${key}: ${id} after a later one of its transaction`);
      places.set(one.tx, one.place);
      if (BigInt(one.calledNs) > latest.calledNs) latest = { calledNs: BigInt(one.calledNs), id };
    }
  }
  return broken;
}

function sameTransaction(one: string, other: string): boolean {
  return one.slice(0, one.lastIndexOf('-')) === other.slice(0, other.lastIndexOf('-'));
}
