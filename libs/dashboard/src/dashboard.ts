import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { DiscoveryService, HttpAdapterHost, ModuleRef } from '@nestjs/core';
import type { Clock } from 'nestjs-turnpike/timing';
import { hostname } from 'node:os';
import type { ServerResponse } from 'node:http';
import { Sampler } from './core/sampler.js';
import type { Snapshot } from './core/snapshot.js';
import { DashboardSetupError } from './dashboard.errors.js';
import type { ResolvedDashboardOptions } from './dashboard.options.js';
import { EventStreams } from './http/event-streams.js';
import { PageAssets } from './http/page-assets.js';
import { findSources } from './sources/find-sources.js';
import { Sources } from './sources/sources.js';

export interface DashboardDependencies {
  readonly options: ResolvedDashboardOptions;
  readonly host: HttpAdapterHost;
  readonly discovery: DiscoveryService;
  readonly moduleRef: ModuleRef;
  readonly clock: Clock;
}

/** The part of the interval that a sample waits for databases; then it shows what they said before. */
const PATIENCE = 0.4;

/** What the routes of one dashboard stand on. Without an open page it does nothing. */
export class Dashboard implements OnApplicationBootstrap, OnModuleDestroy {
  readonly assets = new PageAssets();
  sources = new Sources({ outboxes: [], queues: [], checkpoints: [], barriers: [] });
  /** Of snapshots as JSON: all viewers get the same text. */
  readonly sampler: Sampler<string>;
  private readonly logger = new Logger('Dashboard');
  private readonly streams = new EventStreams();
  private readonly process = `${hostname()}:${process.pid}`;

  constructor(private readonly d: DashboardDependencies) {
    const { clock, options } = d;
    this.sampler = new Sampler({
      clock,
      intervalMs: options.intervalMs,
      sample: () => this.sample(),
      glance: () => this.sources.glance(),
    });
  }

  onApplicationBootstrap(): void {
    const { options, clock } = this.d;
    const adapter = this.adapter;
    if (adapter === undefined) return; // an app without a server: a worker that shares its modules with one that has
    if (adapter !== 'express') {
      throw new DashboardSetupError(
        `DashboardModule works on Express (@nestjs/platform-express), and this app runs on ${adapter}. Import it in an app on Express.`,
      );
    }
    this.sources = findSources({ ...this.d, clock, intervalMs: options.intervalMs });
    this.logger.log(
      `Served at /${options.path}, below the global prefix if there is one. ` +
        (options.guard ? 'Its guard decides who may see it.' : 'Without a guard, it answers only to this machine.'),
    );
  }

  onModuleDestroy(): void {
    this.streams.close();
  }

  /** Sends a viewer what happens, until it goes. False: the app is closing. */
  stream(response: ServerResponse): boolean {
    const send = this.streams.begin(response);
    if (!send) return false;
    send('history', JSON.stringify(this.sources.history));
    response.once(
      'close',
      this.sampler.watch((snapshot) => send('snapshot', snapshot)),
    );
    return true;
  }

  /** Who asked for what is for the app's own access log. */
  log(what: string): void {
    this.logger.log(what);
  }

  failed(what: string, error: unknown): void {
    this.logger.error(`${what} failed: ${String(error)}`);
  }

  private async sample(): Promise<string> {
    const { clock, options } = this.d;
    const answered = new AbortController();
    const patienceMs = PATIENCE * options.intervalMs;
    const late = clock.sleep(patienceMs, answered.signal).catch(() => undefined);
    await Promise.race([this.sources.refresh(patienceMs), late]);
    answered.abort();
    const snapshot: Snapshot = { atMs: clock.now(), process: this.process, ...this.sources.snapshot() };
    return JSON.stringify(snapshot);
  }

  /** Undefined in an app without HTTP. */
  private get adapter(): string | undefined {
    const adapter = this.d.host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined;
    return adapter?.getType?.() || undefined;
  }
}
