import type { GrantedPart, LeasedPart } from './lease-store.js';
import type { LeaseTerm } from './lease-term.js';
import type { Partition } from './partition.js';

/**
 * A part on its way through a balancer:
 *
 * - `owned`: assigned to the owner.
 * - `draining`: asked back while its lease runs. It goes on being renewed until the owner is done with it.
 * - `drained`: the owner is done with it; it is being released.
 * - `lost`: its lease is over, and it was asked back for that. It stays here until the owner is done with it, so that it
 *   is not assigned again meanwhile.
 */
export interface HeldPart extends LeasedPart {
  state: 'owned' | 'draining' | 'drained' | 'lost';
  term: LeaseTerm;
}

/** The parts of one balancer. */
export class HeldParts {
  private readonly parts = new Map<string, HeldPart>();

  add(granted: readonly GrantedPart[], token: bigint, term: LeaseTerm): void {
    for (const { partition } of granted) {
      this.parts.set(partition.toString(), { partition, token, term, state: 'owned' });
    }
  }

  remove(parts: readonly HeldPart[]): void {
    for (const part of parts) this.parts.delete(part.partition.toString());
  }

  has(partition: Partition): boolean {
    return this.parts.has(partition.toString());
  }

  /** The part, if its lease runs by this process's clocks. */
  leased(partition: Partition): HeldPart | undefined {
    const part = this.parts.get(partition.toString());
    return part && isOurs(part) && !part.term.over ? part : undefined;
  }

  /** In the order of the key space. */
  owned(): HeldPart[] {
    return [...this.parts.values()]
      .filter(({ state }) => state === 'owned')
      .toSorted((a, b) => (a.partition.low < b.partition.low ? -1 : 1));
  }

  /** Those to renew. */
  running(): HeldPart[] {
    return [...this.parts.values()].filter((part) => isOurs(part) && !part.term.over);
  }

  /** Those whose lease is over without anybody having been told. */
  overdue(): HeldPart[] {
    return [...this.parts.values()].filter((part) => isOurs(part) && part.term.over);
  }
}

export function isOurs({ state }: HeldPart): boolean {
  return state === 'owned' || state === 'draining';
}
