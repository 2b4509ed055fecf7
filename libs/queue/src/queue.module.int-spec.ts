import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { describe, expect, it } from 'vitest';
import { dataSourceOptions, testDatabases } from '../../../test/support/databases.js';
import { InjectQueue, ProcessBatch, QueueHealthIndicator, queueMigrations, QueueModule, type Queue } from './index.js';

@Injectable()
class Counter {
  readonly seen: number[] = [];

  constructor(@InjectQueue('numbers') readonly numbers: Queue<number>) {}

  @ProcessBatch('numbers')
  async count(batch: Iterable<number>): Promise<void> {
    this.seen.push(...batch);
  }
}

describe.each(testDatabases())('QueueModule on a DataSource of %s', (_name, open) => {
  it('processes what was stored before the app was closed and started again', async () => {
    const database = await open({ migrations: [...queueMigrations] });
    const start = async () => {
      const app = await Test.createTestingModule({
        imports: [
          TypeOrmModule.forRoot(dataSourceOptions(database.url)),
          QueueModule.forRoot({ pollIntervalMs: 20 }),
          QueueModule.registerQueue<number>({ name: 'numbers', dataSource: true, flushSize: 100, workers: 2 }),
        ],
        providers: [Counter],
      }).compile();
      return app.init();
    };
    const first = await start();
    await first.get(Counter).numbers.push(1, { until: 'stored' });
    await expect.poll(() => first.get(Counter).seen).toEqual([1]);
    // Buffered only: the module flushes it before TypeORM closes the DataSource.
    await first.get(Counter).numbers.push(2);
    await first.close();

    const second = await start();
    await expect.poll(() => second.get(Counter).seen).toEqual([2]);
    await expect(second.get(QueueHealthIndicator).check()).resolves.toMatchObject({ queue: { status: 'up' } });
    await second.close();
    await database.close();
  });

  it('does not start on a database without its tables', async () => {
    const database = await open();
    const app = Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot(dataSourceOptions(database.url)),
        QueueModule.forRoot(),
        QueueModule.registerQueue<number>({ name: 'numbers', dataSource: true }),
      ],
      providers: [Counter],
    }).compile();
    await expect(app).rejects.toThrow(/turnpike_queue_batch/);
    await database.close();
  });
});
