import { HeldKeyList, OutboxStatus, type HeldKeyInfo, type ShardOwner } from 'nestjs-turnpike/outbox';
import { In, type DataSource } from 'typeorm';
import { Series } from '../database/series.entity.js';
import { Breakdown } from '../deliveries/breakdown.entity.js';
import { DeliveriesService } from '../deliveries/deliveries.service.js';
import { Delivery } from '../deliveries/delivery.entity.js';
import { RevenueService } from '../revenue/revenue.service.js';
import { Arrivals } from './arrivals.js';
import { CUSTOMERS } from './customers.js';
import { Load } from './load.js';
import type { CustomerState, LoadState, ProcessState, StoryState } from './story-state.js';
import { MOST_WORKERS, Workers, type Worker } from './workers.js';

const PAGE = 1000;

/** Of the app around the story. */
export interface StorySettings {
  readonly broker: string | undefined;
  /** Whether processes may be started and killed. */
  readonly hasWorkers: boolean;
}

/** Reads how things stand, over all processes: what one knows by itself ends with it. */
export class StoryReader {
  private arrivals: Arrivals | undefined;
  private position = 0;
  private loadEndedAtMs: number | undefined;

  constructor(
    private readonly db: DataSource,
    private readonly deliveries: DeliveriesService,
    private readonly revenue: RevenueService,
    private readonly heldKeys: HeldKeyList,
    private readonly outbox: OutboxStatus,
    private readonly load: Load,
    private readonly workers: Workers,
    private readonly settings: StorySettings,
  ) {}

  /** One call at a time. */
  async read(): Promise<StoryState> {
    // Before what was placed: an order that is delivered has been placed.
    const { last, disorders, repeats } = await this.arrived();
    const series = await this.db.manager.findBy(Series, { name: In(CUSTOMERS.map((id) => `orders/${id}`)) });
    const placed = new Map(series.map(({ name, last }) => [name.slice('orders/'.length), last]));
    const broken = new Set((await this.db.manager.find(Breakdown)).map(({ customerId }) => customerId));
    const held = await this.heldKeys.list();
    const owners = await this.outbox.owners();
    const revenue = (await this.revenue.perSku()).reduce((sum, { revenue }) => sum + revenue, 0);
    const customers = CUSTOMERS.map((id): CustomerState => {
      const of = { placed: placed.get(id) ?? 0, delivered: last.get(id) ?? 0 };
      return { id, ...of, broken: broken.has(id), held: this.holdOf(id, held, broken.has(id), of) };
    });
    const { hasWorkers, broker } = this.settings;
    return {
      customers,
      disorders,
      repeats,
      processes: processesOf(this.workers.all, owners),
      workers: !hasWorkers ? 'none' : this.workers.alive < MOST_WORKERS ? 'room' : 'full',
      load: this.loadState(last),
      revenue,
      broker,
    };
  }

  private holdOf(
    id: string,
    held: readonly HeldKeyInfo[],
    isBroken: boolean,
    { placed, delivered }: Pick<CustomerState, 'placed' | 'delivered'>,
  ): CustomerState['held'] {
    const hold = held.find(({ key }) => key === id);
    if (hold) return { attempts: hold.attempts, reason: hold.lastError };
    // What came through a broker waits in the process that consumes it.
    return this.settings.broker !== undefined && isBroken && placed > delivered
      ? { attempts: 0, reason: undefined }
      : undefined;
  }

  private async arrived(): Promise<Arrivals> {
    const arrivals = (this.arrivals ??= await this.soFar());
    for (;;) {
      const page = await this.deliveries.after(this.position, PAGE);
      for (const delivery of page) if (CUSTOMERS.includes(delivery.customerId)) arrivals.add(delivery);
      this.position = page.at(-1)?.position ?? this.position;
      if (page.length < PAGE) return arrivals;
    }
  }

  private async soFar(): Promise<Arrivals> {
    const rows = await this.db.manager
      .createQueryBuilder(Delivery, 'd')
      .select('d.customerId', 'id')
      .addSelect('count(*)', 'count')
      .addSelect('max(d.number)', 'highest')
      .addSelect('max(d.position)', 'position')
      .where({ customerId: In([...CUSTOMERS]) })
      .groupBy('d.customerId')
      .getRawMany<{ id: string; count: string; highest: string; position: string }>();
    const arrivals = new Arrivals();
    for (const { id, count, highest } of rows) arrivals.begin(id, Number(count), Number(highest));
    this.position = Math.max(0, ...rows.map(({ position }) => Number(position)));
    return arrivals;
  }

  private loadState(last: ReadonlyMap<string, number>): LoadState | undefined {
    const { progress } = this.load;
    if (!progress) return undefined;
    const { total, placed, numbers, startedAtMs, failure } = progress;
    const deliveredOf = ([id, { first, last: target }]: [string, { first: number; last: number }]): number =>
      Math.max(0, Math.min(last.get(id) ?? 0, target) - first + 1);
    const delivered = Array.from(numbers, deliveredOf).reduce((sum, count) => sum + count, 0);
    const nowMs = Date.now();
    if (placed < total || delivered < total) this.loadEndedAtMs = undefined;
    else this.loadEndedAtMs ??= nowMs;
    return { total, placed, delivered, elapsedMs: (this.loadEndedAtMs ?? nowMs) - startedAtMs, failure };
  }
}

/** Our own, and those that others have started. */
function processesOf(workers: readonly Worker[], owners: readonly ShardOwner[]): ProcessState[] {
  const leased = new Map<string, { shards: number; leaseEndsInMs: number }>();
  for (const { processId, endsInMs } of owners) {
    const name = processId.replace(/#.*/, '');
    const { shards = 0 } = leased.get(name) ?? {};
    leased.set(name, { shards: shards + 1, leaseEndsInMs: Math.round(endsInMs) });
  }
  const own = workers.map(({ pid, state }) => ({ name: `process ${pid}`, pid, state }));
  const names = new Set(own.map(({ name }) => name));
  const others = [...leased.keys()]
    .filter((name) => !names.has(name))
    .map((name) => ({ name, pid: undefined, state: 'running' as const }));
  return [...own, ...others].map((process) => ({
    ...process,
    ...(leased.get(process.name) ?? { shards: 0, leaseEndsInMs: 0 }),
  }));
}
