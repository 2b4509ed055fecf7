import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { HealthController } from './health.controller.js';

/** What the people who run the service look at: /health, /metrics (by PrometheusModule) and /docs. */
@Module({ imports: [TerminusModule], controllers: [HealthController] })
export class OperationsModule {}
