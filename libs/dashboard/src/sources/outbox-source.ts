import type {
  DeadLetters,
  HeldKeyInfo,
  HeldKeyList,
  OutboxPauses,
  OutboxRelay,
  OutboxStatus,
  Pause,
  RelayStats,
  ShardOwner,
} from 'nestjs-turnpike/outbox';
import type { Clock } from 'nestjs-turnpike/timing';
import { HistoryRing } from '../core/history-ring.js';
import { PacedReading } from '../core/paced-reading.js';
import { Rates } from '../core/rates.js';
import type { DestinationSnapshot, HeldKeySnapshot, OutboxSnapshot, Point, ShardsOfProcess } from '../core/snapshot.js';

const HELD_KEYS_SHOWN = 100;
const POINTS_KEPT = 900;

export interface OutboxParts {
  readonly status: OutboxStatus;
  readonly relay: OutboxRelay;
  readonly deadLetters: DeadLetters;
  readonly heldKeys: HeldKeyList;
  readonly pauses: OutboxPauses;
}

/** One outbox of the app, as the page shows it. */
export class OutboxSource {
  readonly name: string;
  private readonly rates: Rates<'published' | 'delivered' | 'failed'>;
  private readonly backlog;
  private readonly held;
  private readonly shares;
  private readonly points = new HistoryRing<Point>(POINTS_KEPT);
  private latest: Point | undefined;

  constructor(
    readonly parts: OutboxParts,
    private readonly clock: Clock,
    intervalMs: number,
  ) {
    const { status, heldKeys, pauses } = parts;
    this.name = status.name ?? 'default';
    this.rates = new Rates(0.8 * intervalMs, 5 * intervalMs);
    this.backlog = new PacedReading(() => status.backlog(), clock, 0.1);
    this.held = new PacedReading(() => heldKeys.list({ limit: HELD_KEYS_SHOWN + 1 }), clock, 0.2);
    // One after the other: the connections are the app's.
    this.shares = new PacedReading(
      async () => ({ owners: await status.owners(), pauses: await pauses.list() }),
      clock,
      0.2,
    );
  }

  get history(): readonly Point[] {
    return this.points.list();
  }

  /** Changes when a key of this process begins or ends to be held, or one of its messages becomes a dead letter. */
  glance(): string {
    const { heldKeys, deadLettered, shards } = this.parts.relay.stats();
    return `${heldKeys} ${deadLettered} ${shards}`;
  }

  async refresh(patienceMs: number): Promise<void> {
    await Promise.all([this.held.refresh(patienceMs), this.shares.refresh(), this.backlog.refresh()]);
  }

  /** What is known now. Waits for nothing. */
  snapshot(): OutboxSnapshot {
    const { status, relay } = this.parts;
    const stats = relay.stats();
    const { value: keys } = this.held;
    const { value: shares } = this.shares;
    const { value: backlog = null } = this.backlog;
    return {
      name: this.name,
      processId: status.processId,
      point: this.point(stats),
      shards: status.shards,
      owners: shares ? byProcess(shares.owners) : null,
      backlog,
      heldKeys: keys ? keys.slice(0, HELD_KEYS_SHOWN).map(toHeldKey) : null,
      moreHeldKeys: (keys?.length ?? 0) > HELD_KEYS_SHOWN,
      destinations: destinationsOf(stats, shares?.pauses ?? []),
      allPausedSinceMs: shares?.pauses.find(({ destination }) => destination === undefined)?.sinceMs ?? null,
      totals: {
        published: status.published,
        sent: stats.sent,
        failed: stats.failed,
        deadLettered: stats.deadLettered,
      },
      problems: this.problems(stats),
      unansweredMs: Math.max(...this.readings.map(({ unansweredMs }) => unansweredMs)),
    };
  }

  private get readings() {
    return [this.backlog, this.held, this.shares];
  }

  private point(stats: RelayStats): Point {
    const counts = { published: this.parts.status.published, delivered: stats.sent, failed: stats.failed };
    const { rates, counted } = this.rates.next(this.clock.monotonic(), counts);
    if (!counted && this.latest) return this.latest;
    const { value: backlog } = this.backlog;
    this.latest = {
      atMs: this.clock.now(),
      published: rates?.published ?? null,
      delivered: rates?.delivered ?? null,
      failed: rates?.failed ?? null,
      inFlight: stats.inFlight,
      lagMs: backlog?.oldestAgeMs ?? null,
      pending: backlog?.pending ?? null,
      parked: backlog?.parked ?? null,
    };
    this.points.add(this.latest);
    return this.latest;
  }

  private problems({ lastError, foundLate }: RelayStats): string[] {
    const unread = this.readings.find(({ problem }) => problem !== undefined)?.problem;
    return [
      ...(lastError === undefined ? [] : [`The database failed the relay, which tries again: ${lastError}`]),
      ...(unread === undefined ? [] : [`What the database holds cannot be read: ${unread}`]),
      ...(foundLate === 0 ? [] : [`${foundLate} messages had been passed over and were delivered late.`]),
    ];
  }
}

/** Those of this process, and those that are paused and only others have. */
function destinationsOf({ destinations }: RelayStats, pauses: readonly Pause[]): DestinationSnapshot[] {
  const pausedSince = new Map(pauses.map(({ destination, sinceMs }) => [destination, sinceMs]));
  const own = destinations.map((one) => ({
    ...one,
    reason: one.reason ?? null,
    pausedSinceMs: pausedSince.get(one.name) ?? null,
  }));
  const others = pauses.flatMap(({ destination: name, sinceMs }) =>
    name === undefined || own.some((one) => one.name === name)
      ? []
      : [{ name, state: 'paused' as const, inFlight: 0, buffered: 0, reason: null, pausedSinceMs: sinceMs }],
  );
  return [...own, ...others];
}

function byProcess(owners: readonly ShardOwner[]): ShardsOfProcess[] {
  const shards = new Map<string, number[]>();
  for (const { processId, shard } of owners) shards.set(processId, [...(shards.get(processId) ?? []), shard]);
  return [...shards].map(([processId, of]) => ({ processId, shards: of }));
}

function toHeldKey({ headId, dueInMs, lastError, sinceMs, ...key }: HeldKeyInfo): HeldKeySnapshot {
  return {
    ...key,
    headId: String(headId),
    dueInMs: dueInMs ?? null,
    lastError: lastError ?? null,
    sinceMs: sinceMs ?? null,
  };
}
