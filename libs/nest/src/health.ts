import { Injectable, Optional, Inject, type FactoryProvider } from '@nestjs/common';
import type { HealthIndicatorService } from '@nestjs/terminus';

const HEALTH_SERVICE = Symbol('turnpike.health-service');

/**
 * Terminus' HealthIndicatorService for our indicators, when @nestjs/terminus is installed. It holds no state of the app,
 * so we make one and do not ask the user to import TerminusModule where our modules could see it.
 */
export const healthServiceProvider: FactoryProvider<HealthIndicatorService | undefined> = {
  provide: HEALTH_SERVICE,
  useFactory: async () => {
    try {
      const { HealthIndicatorService } = await import('@nestjs/terminus');
      return new HealthIndicatorService();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
      throw error;
    }
  },
};

/** Starts an indicator's answer: `this.health.check('outbox').up({ lagMs })`. */
@Injectable()
export class HealthReporter {
  constructor(@Optional() @Inject(HEALTH_SERVICE) private readonly service: HealthIndicatorService | undefined) {}

  check(key: string): ReturnType<HealthIndicatorService['check']> {
    if (!this.service) throw new Error('Health indicators need @nestjs/terminus: npm install @nestjs/terminus');
    return this.service.check(key);
  }
}

/** Both providers that a module with a health indicator lists. */
export const healthProviders = [healthServiceProvider, HealthReporter];
