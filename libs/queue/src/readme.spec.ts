import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { InjectQueue, merging, ProcessBatch, QueueModule, type ProcessContext, type Queue } from './index.js';

// The examples of README.md; the files lie in a temporary folder here.
const folder = mkdtempSync(join(tmpdir(), 'turnpike-queue-'));

interface Mail {
  readonly to: string;
}

interface View {
  readonly page: string;
  readonly count: number;
}

const delivered: string[] = [];

async function deliver(to: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  delivered.push(to);
}

@Injectable()
class Mailer {
  constructor(@InjectQueue('mails') private readonly mails: Queue<Mail>) {}

  async welcome(to: string): Promise<void> {
    await this.mails.push({ to }, { until: 'stored' });
  }

  @ProcessBatch('mails')
  async send(batch: Iterable<Mail>, { signal }: ProcessContext<Mail>): Promise<void> {
    for (const { to } of batch) await deliver(to, signal);
  }
}

@Module({
  imports: [
    QueueModule.forRoot(),
    QueueModule.registerQueue<Mail>({ name: 'mails', file: { path: join(folder, 'mails.sqlite') } }),
  ],
  providers: [Mailer],
})
class MailModule {}

@Injectable()
class PageViews {
  readonly totals = new Map<string, number>();

  constructor(@InjectQueue('views') private readonly views: Queue<View>) {}

  seen(page: string): Promise<void> {
    return this.views.push({ page, count: 1 });
  }

  @ProcessBatch('views')
  async save(batch: Iterable<View>): Promise<void> {
    for (const { page, count } of batch) this.totals.set(page, (this.totals.get(page) ?? 0) + count);
  }
}

@Module({
  imports: [
    QueueModule.forRoot(),
    QueueModule.registerQueue<View>({
      name: 'views',
      file: { path: join(folder, 'views.sqlite'), durable: true },
      buffer: merging(
        (view) => view.page,
        (former, later) => ({ ...former, count: former.count + later.count }),
      ),
      flushSize: 1000,
      flushPushes: 50_000,
      flushTimeoutMs: 1000,
      workers: 2,
      batches: 10,
    }),
  ],
  providers: [PageViews],
})
class PageViewsModule {}

describe('README examples', () => {
  afterAll(() => rmSync(folder, { recursive: true }));

  it('a queue in a minute', async () => {
    const app = await Test.createTestingModule({ imports: [MailModule] }).compile();
    await app.init();
    await app.get(Mailer).welcome('ann@example.com');
    await expect.poll(() => delivered).toEqual(['ann@example.com']);
    await app.close();
  });

  it('merging, a durable file, two workers', async () => {
    const app = await Test.createTestingModule({ imports: [PageViewsModule] }).compile();
    await app.init();
    const views = app.get(PageViews);
    for (let view = 0; view < 10_000; view++) await views.seen(view % 4 === 0 ? '/' : '/about');
    await expect.poll(() => Object.fromEntries(views.totals), { timeout: 5000 }).toEqual({ '/': 2500, '/about': 7500 });
    await app.close();
  });
});
