import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Injectable, Logger, Scope, type ModuleMetadata } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import Database from 'better-sqlite3';
import { fixed } from 'nestjs-turnpike/timing';
import { register } from 'prom-client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  InjectQueue,
  ProcessBatch,
  Queue,
  QueueHealthIndicator,
  QueueModule,
  queueToken,
  type ProcessContext,
} from './index.js';

interface Mail {
  readonly to: string;
}

@Injectable()
class Mailer {
  readonly sent: string[] = [];
  private wake = (): void => undefined;

  constructor(@InjectQueue('mails') private readonly mails: Queue<Mail>) {}

  welcome(to: string): Promise<void> {
    return this.mails.push({ to }, { until: 'stored' });
  }

  @ProcessBatch('mails')
  async send(batch: Iterable<Mail>, { attempt }: ProcessContext<Mail>): Promise<void> {
    for (const { to } of batch) this.sent.push(`${to} ${attempt}`);
    this.wake();
  }

  sentSomething(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }
}

const apps: TestingModule[] = [];

async function start(metadata: ModuleMetadata): Promise<TestingModule> {
  const app = await Test.createTestingModule(metadata).compile();
  apps.push(app);
  return app.init();
}

const mails = QueueModule.registerQueue<Mail>({ name: 'mails' });

describe('QueueModule', () => {
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close().catch(() => undefined);
    register.clear();
  });

  it('gives the method with @ProcessBatch what was pushed into the injected queue', async () => {
    const app = await start({ imports: [QueueModule.forRoot(), mails], providers: [Mailer] });
    const mailer = app.get(Mailer);
    const sent = mailer.sentSomething();
    await mailer.welcome('ann');
    await sent;
    expect(mailer.sent).toEqual(['ann 1']);
  });

  it('closes the queues with the app', async () => {
    const app = await start({ imports: [QueueModule.forRoot(), mails], providers: [Mailer] });
    const queue = app.get<Queue<Mail>>(queueToken('mails'));
    await app.close();
    await expect(queue.push({ to: 'ann' })).rejects.toMatchObject({ code: 'TURNPIKE_QUEUE_CLOSED' });
  });

  it('takes defaults from forRootAsync, and what a queue says for itself over them', async () => {
    const options = QueueModule.forRootAsync({ useFactory: async () => ({ flushSize: 7, workers: 0 }) });
    const app = start({ imports: [options, QueueModule.registerQueue({ name: 'mails' })], providers: [Mailer] });
    await expect(app).rejects.toThrow('workers must be a whole number of at least 1, but is 0');
    const fixed = QueueModule.registerQueueAsync<Mail>({ name: 'mails', useFactory: async () => ({ workers: 3 }) });
    const running = await start({ imports: [options, fixed], providers: [Mailer] });
    const { workers } = await running.get<Queue<Mail>>(queueToken('mails')).stats();
    expect(workers.total).toBe(3);
  });

  it('keeps the queues of two apps in one process apart', async () => {
    const metadata = { imports: [QueueModule.forRoot(), mails], providers: [Mailer] };
    const [first, second] = [await start(metadata), await start(metadata)];
    const sent = second.get(Mailer).sentSomething();
    await second.get(Mailer).welcome('ann');
    await sent;
    expect(first.get(Mailer).sent).toEqual([]);
  });

  @Injectable()
  class FailingMailer {
    @ProcessBatch('mails')
    async send(): Promise<void> {
      throw new Error('no mail server');
    }
  }

  @Injectable()
  class SecondMailer {
    @ProcessBatch('mails')
    async send(): Promise<void> {}
  }

  @Injectable({ scope: Scope.REQUEST })
  class RequestMailer {
    @ProcessBatch('mails')
    async send(): Promise<void> {}
  }

  it.each<[string, ModuleMetadata, RegExp]>([
    ['a queue without a processor', { imports: [QueueModule.forRoot(), mails] }, /"mails" has no processor/],
    [
      'two processors of one queue',
      { imports: [QueueModule.forRoot(), mails], providers: [Mailer, SecondMailer] },
      /SecondMailer\.send is a second processor/,
    ],
    [
      'a request-scoped processor',
      { imports: [QueueModule.forRoot(), mails], providers: [RequestMailer] },
      /RequestMailer\.send .* is request-scoped/,
    ],
    [
      'a processor of a queue that is not registered',
      { imports: [QueueModule.forRoot()], providers: [SecondMailer] },
      /which no registerQueue\(\) names/,
    ],
    [
      'one name registered twice',
      { imports: [QueueModule.forRoot(), mails, QueueModule.registerQueue({ name: 'mails' })], providers: [Mailer] },
      /registered twice/,
    ],
    ['a queue without forRoot', { imports: [mails], providers: [Mailer] }, /needs QueueModule\.forRoot\(\)/],
    [
      'a queue on a DataSource that is missing',
      { imports: [QueueModule.forRoot(), QueueModule.registerQueue({ name: 'mails', dataSource: 'eu' })] },
      /needs the DataSource "eu"/,
    ],
  ])('refuses to start with %s', async (_what, metadata, message) => {
    await expect(start(metadata)).rejects.toThrow(message);
  });

  it('feeds the seven metrics, under names of its own', async () => {
    const app = await start({
      imports: [
        PrometheusModule.register(),
        QueueModule.forRoot({
          metrics: {
            namespace: 'shop',
            processDuration: { name: 'seconds', help: 'How long', buckets: [1, 2] },
          },
        }),
        mails,
      ],
      providers: [Mailer],
    });
    const sent = app.get(Mailer).sentSomething();
    await app.get(Mailer).welcome('ann');
    await sent;
    await expect.poll(() => register.metrics()).toContain('shop_queue_items_processed{queue="mails"} 1');
    const metrics = await register.metrics();
    expect(metrics).toContain('shop_queue_items_pushed{queue="mails"} 1');
    expect(metrics).toContain('shop_queue_items_flushed{queue="mails",type="size"} 1');
    expect(metrics).toContain('# TYPE shop_queue_process_errors counter');
    expect(metrics).toContain('# HELP shop_queue_seconds How long');
    expect(metrics).toContain('shop_queue_seconds_bucket{le="2",queue="mails"} 1');
    expect(metrics).toContain('shop_queue_items{queue="mails"} 0');
    expect(metrics).toContain('shop_queue_batches{queue="mails"} 0');
  });

  it('gives all metrics the further labels that are asked for, but not in place of its own', async () => {
    const withLabels = (labels: Record<string, string>) => QueueModule.forRoot({ metrics: { labels } });
    expect(() => withLabels({ type: 'mine' })).toThrow(/metrics\.labels must leave the labels queue and type/);
    const imports = [PrometheusModule.register(), withLabels({ region: 'eu' }), mails];
    const app = await start({ imports, providers: [Mailer] });
    await app.get(Mailer).welcome('ann');
    await expect
      .poll(() => register.metrics())
      .toContain('turnpike_queue_items_processed{region="eu",queue="mails"} 1');
    const metrics = await register.metrics();
    expect(metrics).toContain('turnpike_queue_items_flushed{region="eu",queue="mails",type="size"} 1');
    expect(metrics).toContain('turnpike_queue_process_duration_count{region="eu",queue="mails"} 1');
    expect(metrics).toContain('turnpike_queue_batches{region="eu",queue="mails"} 0');
  });

  it('registers no metric when they are off', async () => {
    const imports = [PrometheusModule.register({ defaultMetrics: { enabled: false } }), mails];
    await start({ imports: [QueueModule.forRoot({ metrics: false }), ...imports], providers: [Mailer] });
    expect(await register.metrics()).not.toContain('queue');
  });

  it('is not healthy while a batch is older than maxBatchAgeMs', async () => {
    const slow = QueueModule.registerQueue<Mail>({ name: 'mails', maxBatchAgeMs: 1, retryPolicy: fixed(0, 60_000) });
    const app = await start({ imports: [QueueModule.forRoot(), slow], providers: [FailingMailer] });
    await app.get<Queue<Mail>>(queueToken('mails')).push({ to: 'ann' });
    const health = () => app.get(QueueHealthIndicator).check();
    await expect.poll(health).toMatchObject({ queue: { status: 'down', mails: { up: false, batches: 1 } } });
  });

  it('is not healthy while its store fails, and healthy again when it works', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'turnpike-queue-'));
    const path = join(folder, 'mails.sqlite');
    const logged = vi.spyOn(Logger.prototype, 'error').mockReturnValue();
    const stored = QueueModule.registerQueue<Mail>({ name: 'mails', file: { path } });
    const app = await start({ imports: [QueueModule.forRoot({ pollIntervalMs: 10 }), stored], providers: [Mailer] });
    const health = () => app.get(QueueHealthIndicator).check();
    const db = new Database(path);
    db.exec('alter table batch rename to gone');
    const error = expect.stringContaining(path) as string;
    await expect.poll(health).toMatchObject({ queue: { status: 'down', mails: { up: false, error } } });
    await expect.poll(() => logged.mock.calls).toContainEqual([error, expect.anything()]);
    db.exec('alter table gone rename to batch');
    db.close();
    await expect.poll(health, { timeout: 10_000 }).toMatchObject({ queue: { status: 'up', mails: { up: true } } });
    await app.get(Mailer).welcome('ann');
    await expect.poll(() => app.get(Mailer).sent).toEqual(['ann 1']);
    await app.close();
    rmSync(folder, { recursive: true });
  });

  it('is healthy while its workers are alive, and shows its backlog', async () => {
    const app = await start({ imports: [QueueModule.forRoot(), mails], providers: [Mailer] });
    await expect(app.get(QueueHealthIndicator).check()).resolves.toEqual({
      queue: {
        status: 'up',
        mails: { up: true, workersAlive: 1, workers: 1, batches: 0, oldestBatchAgeMs: undefined },
      },
    });
  });
});
