import { Module, type DynamicModule } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, HttpAdapterHost, ModuleRef } from '@nestjs/core';
import { SystemClock } from 'nestjs-turnpike/timing';
import { dashboardController } from './dashboard.controller.js';
import { Dashboard } from './dashboard.js';
import { resolveDashboardOptions, type DashboardOptions } from './dashboard.options.js';

/**
 * Serves one page that shows what the app's outboxes, queues, checkpoints and barriers are doing, live, and lets operators
 * requeue and purge dead letters and release held keys. It finds them by itself, in whichever module they are.
 *
 * - Without a `guard` it answers only to this machine, and to nothing that came through a proxy.
 * - Numbers are taken once a second while a page is open, for all pages together, and not at all while none is.
 * - The page loads nothing from other hosts, and asks for nothing but this app.
 *
 * Works on Express. In an app without an HTTP server it does nothing.
 */
@Module({})
export class DashboardModule {
  static forRoot(options: DashboardOptions = {}): DynamicModule {
    const resolved = resolveDashboardOptions(options);
    return {
      module: DashboardModule,
      imports: [DiscoveryModule, ...resolved.imports],
      controllers: [dashboardController(resolved)],
      providers: [
        {
          provide: Dashboard,
          inject: [HttpAdapterHost, DiscoveryService, ModuleRef],
          useFactory: (host: HttpAdapterHost, discovery: DiscoveryService, moduleRef: ModuleRef) =>
            new Dashboard({ options: resolved, host, discovery, moduleRef, clock: new SystemClock() }),
        },
      ],
    };
  }
}
