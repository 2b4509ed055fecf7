import { SystemClock, type Clock } from 'nestjs-turnpike/timing';
import { freeParts } from './free-parts.js';
import type { LeaseGrant, LeaseRequest, LeaseStore, LeasedPart, Member } from './lease-store.js';

interface Lease extends LeasedPart {
  untilMs: number;
}

interface Section {
  token: bigint;
  leases: Lease[];
  readonly members: Map<string, number>;
  readonly listeners: Set<() => void>;
}

const FORGET_EXPIRED_AFTER_MS = 24 * 3_600_000;

/** Leases within one process: for tests, and for apps that never run twice. Nothing awaits inside a call, so calls take turns. */
export class MemoryLeaseStore implements LeaseStore {
  private readonly sections = new Map<string, Section>();

  constructor(private readonly clock: Clock = new SystemClock()) {}

  async acquire({ section: name, desired, termMs, limit }: LeaseRequest): Promise<LeaseGrant> {
    const section = this.section(name);
    const now = this.clock.monotonic();
    const { parts, freeInMs, replaced } = freeParts(
      desired,
      section.leases.map(({ partition, untilMs }) => ({ partition, leftMs: untilMs - now })),
      limit,
    );
    section.token += 1n;
    const gone = new Set(replaced);
    section.leases = section.leases.filter(
      ({ partition, untilMs }) => untilMs > now - FORGET_EXPIRED_AFTER_MS && !gone.has(partition),
    );
    for (const { partition } of parts) {
      section.leases.push({ partition, token: section.token, untilMs: now + termMs });
    }
    return { token: section.token, parts, freeInMs };
  }

  async renew(name: string, parts: readonly LeasedPart[], termMs: number): Promise<LeasedPart[]> {
    const now = this.clock.monotonic();
    return parts.filter((part) => {
      const lease = this.section(name).leases.find((lease) => isSame(lease, part) && lease.untilMs > now);
      if (lease) lease.untilMs = now + termMs;
      return lease !== undefined;
    });
  }

  async release(name: string, parts: readonly LeasedPart[]): Promise<void> {
    const section = this.section(name);
    section.leases = section.leases.filter((lease) => !parts.some((part) => isSame(lease, part)));
    changed(section);
  }

  async heartbeat(name: string, member: string, termMs: number): Promise<void> {
    const section = this.section(name);
    const now = this.clock.monotonic();
    for (const [id, untilMs] of section.members) if (untilMs <= now) section.members.delete(id);
    const joins = !section.members.has(member);
    if (termMs > 0) section.members.set(member, now + termMs);
    else section.members.delete(member);
    if (joins || termMs === 0) changed(section);
  }

  async members(name: string): Promise<Member[]> {
    const now = this.clock.monotonic();
    return [...this.section(name).members]
      .map(([id, untilMs]) => ({ id, endsInMs: untilMs - now }))
      .filter(({ endsInMs }) => endsInMs > 0);
  }

  watch(name: string, listener: () => void): () => void {
    const { listeners } = this.section(name);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  private section(name: string): Section {
    let section = this.sections.get(name);
    if (!section) {
      section = { token: 0n, leases: [], members: new Map(), listeners: new Set() };
      this.sections.set(name, section);
    }
    return section;
  }
}

function isSame(lease: LeasedPart, part: LeasedPart): boolean {
  return lease.token === part.token && lease.partition.equals(part.partition);
}

/** In a later turn: a listener's next call must not run inside the one that told it. */
function changed(section: Section): void {
  for (const listener of section.listeners) queueMicrotask(listener);
}
