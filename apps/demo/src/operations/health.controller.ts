import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { HealthCheck, HealthCheckService, type HealthCheckResult } from '@nestjs/terminus';
import { BarrierHealthIndicator } from 'nestjs-turnpike/barrier';
import { CheckpointHealthIndicator } from 'nestjs-turnpike/checkpoint';
import { LessorHealthIndicator } from 'nestjs-turnpike/lessor';
import { OutboxHealthIndicator } from 'nestjs-turnpike/outbox';
import { QueueHealthIndicator } from 'nestjs-turnpike/queue';
import { BrokerHealthIndicator } from '../broker/broker.health.js';
import { WorkersHealthIndicator } from '../story/workers.health.js';

@ApiTags('operations')
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly outbox: OutboxHealthIndicator,
    private readonly queue: QueueHealthIndicator,
    private readonly barrier: BarrierHealthIndicator,
    private readonly checkpoint: CheckpointHealthIndicator,
    private readonly lessor: LessorHealthIndicator,
    private readonly broker: BrokerHealthIndicator,
    private readonly workers: WorkersHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check(): Promise<HealthCheckResult> {
    return this.health.check([
      () => this.outbox.check(),
      () => this.queue.check(),
      () => this.barrier.check(),
      () => this.checkpoint.check(),
      () => this.lessor.check(),
      () => this.broker.check(),
      () => this.workers.check(),
    ]);
  }
}
