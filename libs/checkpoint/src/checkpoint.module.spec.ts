import { Inject, Injectable, type ModuleMetadata } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { register } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CheckpointClosedError,
  CheckpointFencedError,
  CheckpointHealthIndicator,
  checkpointMigrations,
  checkpointMigrationsFor,
  CheckpointModule,
  Checkpoints,
  type CheckpointStore,
  CheckpointStream,
  checkpointToken,
  InjectCheckpoint,
} from './index.js';
import { MemoryCheckpointStore } from './testing/index.js';

@Injectable()
class Importer {
  constructor(
    @InjectCheckpoint('orders') readonly orders: CheckpointStream,
    @InjectCheckpoint('files') readonly files: CheckpointStream<string>,
  ) {}
}

@Injectable()
class Reader {
  constructor(
    @Inject(Checkpoints) readonly checkpoints: Checkpoints,
    @InjectCheckpoint('orders') readonly orders: CheckpointStream,
  ) {}
}

const byText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

const apps: TestingModule[] = [];
let logged: string[] = [];

const logger = {
  log: () => undefined,
  warn: (message: string) => logged.push(`warn: ${message}`),
  error: (message: string) => logged.push(`error: ${message}`),
};

async function start(metadata: ModuleMetadata): Promise<TestingModule> {
  const app = await Test.createTestingModule(metadata).setLogger(logger).compile();
  apps.push(app);
  return app.init();
}

function sqlite(migrations = checkpointMigrations, name?: string) {
  const database = { type: 'better-sqlite3' as const, database: ':memory:', migrationsRun: true, name };
  return TypeOrmModule.forRoot({ ...database, migrations: [...migrations] });
}

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  register.clear();
  logged = [];
});

describe('CheckpointModule', () => {
  it('keeps checkpoints in the default DataSource', async () => {
    const { checkpoints } = (
      await start({
        imports: [sqlite(), CheckpointModule.forRoot(), CheckpointModule.forFeature('orders')],
        providers: [Reader],
      })
    ).get(Reader);
    const stream = await checkpoints.open('orders', { partition: 'eu' });
    (await stream.track(1))();
    await stream.close();
    expect((await checkpoints.open('orders', { partition: 'eu' })).committed).toBe(1);
  });

  it('keeps them in another DataSource, under another prefix', async () => {
    const database = sqlite(checkpointMigrationsFor('shop_'), 'shop');
    const checkpoint = CheckpointModule.forRootAsync({
      dataSource: 'shop',
      useFactory: async () => ({ tablePrefix: 'shop_' }),
    });
    const app = await start({ imports: [database, checkpoint] });
    expect((await app.get(Checkpoints).open('orders')).epoch).toBe(1n);
  });

  it('says what is missing', async () => {
    const feature = CheckpointModule.forFeature('orders');
    await expect(start({ imports: [CheckpointModule.forRoot()] })).rejects.toThrow('TypeOrmModule.forRoot()');
    await expect(start({ imports: [feature] })).rejects.toThrow('CheckpointModule.forRoot()');
  });

  it.each([
    [{ capacity: 0 }, 'capacity must be a whole number of at least 1, but is 0'],
    [{ commitIntervalMs: -1 }, 'commitIntervalMs must be'],
    [{ maxUnresolvedAgeMs: Number.NaN }, 'maxUnresolvedAgeMs must be'],
    [{ tablePrefix: 'No!' }, 'tablePrefix must be'],
  ])('does not start with %j', async (options, message) => {
    const store = new MemoryCheckpointStore();
    await expect(start({ imports: [CheckpointModule.forRoot({ store, ...options })] })).rejects.toThrow(message);
  });

  it('opens the streams of forFeature, one for the whole app, with their options', async () => {
    const imports = [
      CheckpointModule.forRoot({ store: new MemoryCheckpointStore(), capacity: 5 }),
      CheckpointModule.forFeature('orders', { name: 'files', capacity: 2, compare: byText }),
      CheckpointModule.forFeature('orders'),
    ];
    const app = await start({ imports, providers: [Importer, Reader] });
    const { orders, files } = app.get(Importer);
    expect(app.get(Reader).orders).toBe(orders);
    expect(app.get(checkpointToken('orders'))).toBe(orders);
    expect(orders).toBeInstanceOf(CheckpointStream);
    expect(orders.epoch).toBe(1n);

    // The feature's own capacity, and the module's.
    await files.track('b', { size: 2 });
    await orders.track(1, { size: 5 });
    for (const stuck of [files.track('c'), orders.track(2)]) {
      expect(await Promise.race([stuck, new Promise((resolve) => setImmediate(resolve, 'waits'))])).toBe('waits');
      stuck.catch(() => undefined);
    }
  });

  it('refuses names that a database could not tell apart, before it opens them', async () => {
    const app = await start({ imports: [CheckpointModule.forRoot({ store: new MemoryCheckpointStore() })] });
    const checkpoints = app.get(Checkpoints);
    await expect(checkpoints.open('')).rejects.toThrow(/^stream must be 1 to 255 characters/);
    await expect(checkpoints.open('s', { partition: 'x'.repeat(256) })).rejects.toThrow(/^partition must be 0 to 255/);
    expect([...checkpoints.streams]).toEqual([]);
  });

  it('fences the stream of an app that started earlier', async () => {
    const store = new MemoryCheckpointStore();
    const imports = [CheckpointModule.forRoot({ store }), CheckpointModule.forFeature('orders')];
    const [older, newer] = [await start({ imports }), await start({ imports })];
    const stream = older.get<CheckpointStream>(checkpointToken('orders'));
    (await stream.track(1))();
    await expect(stream.commit()).rejects.toThrow(CheckpointFencedError);
    expect([...older.get(Checkpoints).streams]).toEqual([]);
    expect([...newer.get(Checkpoints).streams]).toMatchObject([{ stream: 'orders', committed: undefined }]);
    const successor = newer.get<CheckpointStream>(checkpointToken('orders'));
    (await successor.track(7))();
    await successor.commit();
    expect([...newer.get(Checkpoints).streams]).toMatchObject([{ committed: 7, pending: 0 }]);
    expect(logged).toEqual([expect.stringMatching(/^error: Checkpoint "orders" was opened by a newer owner/)]);
  });

  it('commits and closes with the app, and opens nothing after', async () => {
    const store = new MemoryCheckpointStore();
    const app = await start({ imports: [CheckpointModule.forRoot({ store })] });
    const checkpoints = app.get(Checkpoints);
    const stream = await checkpoints.open('orders');
    (await stream.track(1))();
    await stream.track(2);
    await app.close();
    expect((await store.open('orders', '')).position).toBe(1);
    expect(logged).toEqual(['warn: "orders" was closed with 1 not yet safe to commit.']);
    await expect(stream.track(3)).rejects.toThrow(CheckpointClosedError);
    await expect(checkpoints.open('orders')).rejects.toThrow('the app is closing');
  });

  it('closes what was being opened when the app closed', async () => {
    const store = new MemoryCheckpointStore();
    const app = await start({ imports: [CheckpointModule.forRoot({ store })] });
    const checkpoints = app.get(Checkpoints);
    store.open = async (...row) => {
      await app.close();
      return MemoryCheckpointStore.prototype.open.apply(store, row);
    };
    await expect(checkpoints.open('orders')).rejects.toThrow('the app is closing');
    expect([...checkpoints.streams]).toEqual([]);
  });

  it('closes also when the store is down', async () => {
    const store = new MemoryCheckpointStore();
    const app = await start({ imports: [CheckpointModule.forRoot({ store })] });
    const stream = await app.get(Checkpoints).open('orders');
    (await stream.track(1))();
    store.save = () => Promise.reject(new Error('down'));
    await app.close();
    expect(stream.signal.aborted).toBe(true);
    expect(logged.at(-1)).toMatch(/^error: At the end of the app: .* could not be saved/);
  });
});

describe('the health of checkpoints', () => {
  const clock = new ManualClock();

  async function open(store: CheckpointStore) {
    const options = { store, clock, maxUnresolvedAgeMs: 1000, commitEvery: 1 };
    const app = await start({ imports: [CheckpointModule.forRoot(options)] });
    const stream = await app.get(Checkpoints).open('orders', { partition: 'eu' });
    return { stream, health: app.get(CheckpointHealthIndicator) };
  }

  it('is down while the oldest unresolved position is older than its limit', async () => {
    const { stream, health } = await open(new MemoryCheckpointStore());
    const resolve = await stream.track(1);
    await clock.advance(1000);
    expect(await health.check()).toEqual({ checkpoint: { status: 'up', open: 1 } });
    await clock.advance(1);
    const unwell = [{ stream: 'orders', partition: 'eu', pending: 1, oldestUnresolvedMs: 1001, failures: 0 }];
    expect(await health.check('import')).toEqual({ import: { status: 'down', open: 1, unwell } });
    resolve();
    expect(await health.check()).toMatchObject({ checkpoint: { status: 'up' } });
  });

  it('is down while the store fails, and up when a commit has come through', async () => {
    const store = new MemoryCheckpointStore();
    const { stream, health } = await open(store);
    const save = store.save.bind(store);
    store.save = () => Promise.reject(new Error('down'));
    (await stream.track(1))();
    await clock.advance(0);
    expect(await health.check()).toMatchObject({ checkpoint: { status: 'down', unwell: [{ failures: 1 }] } });
    store.save = save;
    await clock.advance(200);
    expect(await health.check()).toEqual({ checkpoint: { status: 'up', open: 1 } });
  });
});

describe('the metrics of checkpoints', () => {
  it('are read while a stream is open, by stream', async () => {
    const clock = new ManualClock();
    const store = new MemoryCheckpointStore();
    const imports = [PrometheusModule.register(), CheckpointModule.forRoot({ store, clock })];
    const app = await start({ imports });
    const checkpoints = app.get(Checkpoints);
    const [eu, us] = [
      await checkpoints.open('orders', { partition: 'eu' }),
      await checkpoints.open('orders', { partition: 'us' }),
    ];
    await eu.track(1, { size: 10 });
    await clock.advance(2000);
    const resolve = await us.track(1, { size: 5 });
    await clock.advance(500);

    let text = await register.metrics();
    expect(text).toContain('turnpike_checkpoint_pending{stream="orders"} 15');
    expect(text).toContain('turnpike_checkpoint_oldest_unresolved_seconds{stream="orders"} 2.5');

    resolve();
    store.save = () => Promise.reject(new Error('down'));
    await expect(us.commit()).rejects.toThrow('down');
    store.save = MemoryCheckpointStore.prototype.save;
    await us.close();
    text = await register.metrics();
    expect(text).toContain('turnpike_checkpoint_pending{stream="orders"} 10');
    expect(text).toContain('turnpike_checkpoint_committed_total{stream="orders"} 1');
    expect(text).toContain('turnpike_checkpoint_commits_failed_total{stream="orders"} 1');
    expect(text).toContain('turnpike_checkpoint_commit_duration_seconds_count{stream="orders"} 1');

    await app.close();
    expect(await register.metrics()).not.toContain('turnpike_checkpoint_pending{');
  });
});
