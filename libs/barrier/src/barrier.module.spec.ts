import { Injectable, type ModuleMetadata } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { fixed } from 'nestjs-turnpike/timing';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { register } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import {
  BarrierHealthIndicator,
  barrierMigrations,
  barrierMigrationsFor,
  BarrierModule,
  barrierToken,
  HELD_KEY_STORE,
  InjectBarrier,
  PersistentBarrier,
  type HeldKeyStore,
} from './index.js';
import { MemoryHeldKeyStore } from './testing/index.js';

@Injectable()
class Sender {
  constructor(
    @InjectBarrier('orders') readonly orders: PersistentBarrier,
    @InjectBarrier('files') readonly files: PersistentBarrier<string, bigint>,
  ) {}
}

const files = BarrierModule.forFeature<string, bigint>({ name: 'files', jobIdType: 'bigint' });

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

const orders = (app: TestingModule): PersistentBarrier => app.get(barrierToken('orders'));

function sqlite(migrations = barrierMigrations, name?: string) {
  const database = { type: 'better-sqlite3' as const, database: ':memory:', migrationsRun: true, name };
  return TypeOrmModule.forRoot({ ...database, migrations: [...migrations] });
}

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  register.clear();
  logged = [];
});

describe('BarrierModule', () => {
  it('injects barriers that hold after a restart what they held before', async () => {
    const store = new MemoryHeldKeyStore();
    const imports = () => [BarrierModule.forRoot({ store }), BarrierModule.forFeature({ name: 'orders' }), files];
    const first = await start({ imports: imports(), providers: [Sender] });
    const before = first.get(Sender);
    before.orders.stateChanged('a', 1, 'failed');
    before.files.stateChanged('a', 2n ** 60n, 'failed');
    await first.close();

    const after = (await start({ imports: imports(), providers: [Sender] })).get(Sender);
    expect(after.orders.enter('a', 2)).toEqual({ accepted: false, previousFailedJobId: 1 });
    expect(after.files.peek('a')).toBe(2n ** 60n);
  });

  it('keeps held keys in the default DataSource', async () => {
    const imports = [sqlite(), BarrierModule.forRoot(), BarrierModule.forFeature({ name: 'orders' })];
    const app = await start({ imports });
    orders(app).stateChanged('a', 1, 'failed', new Error('no route'));
    await orders(app).saved();
    const store = app.get<HeldKeyStore>(HELD_KEY_STORE);
    expect(await store.load('orders')).toMatchObject([{ key: 'a', failedJobId: 1n, lastError: 'no route' }]);
  });

  it('keeps them in another DataSource, under another prefix, by options from factories', async () => {
    const module = BarrierModule.forRootAsync({
      dataSource: 'shop',
      useFactory: async () => ({ tablePrefix: 'shop_' }),
    });
    const feature = BarrierModule.forFeatureAsync({
      name: 'orders',
      inject: [HELD_KEY_STORE],
      useFactory: async (_store: HeldKeyStore) => ({ orderingDisabled: (key) => key === 'free' }),
    });
    const app = await start({ imports: [sqlite(barrierMigrationsFor('shop_'), 'shop'), module, feature] });
    for (const key of ['free', 'a']) orders(app).stateChanged(key, 1, 'failed');
    await orders(app).saved();
    expect(await app.get<HeldKeyStore>(HELD_KEY_STORE).load('orders')).toMatchObject([{ key: 'a' }]);
  });

  it('says what is missing', async () => {
    const feature = BarrierModule.forFeature({ name: 'orders' });
    await expect(start({ imports: [BarrierModule.forRoot()] })).rejects.toThrow('TypeOrmModule.forRoot()');
    await expect(start({ imports: [feature] })).rejects.toThrow('BarrierModule.forRoot()');
    const unmigrated = start({ imports: [sqlite([]), BarrierModule.forRoot(), feature] });
    await expect(unmigrated).rejects.toThrow(
      /"orders" could not be read: .*turnpike_held_key.*have the barrierMigrations run/,
    );
  });

  it('refuses a second barrier of a name', async () => {
    const features = [BarrierModule.forFeature({ name: 'orders' }), BarrierModule.forFeature({ name: 'orders' })];
    const root = BarrierModule.forRoot({ store: new MemoryHeldKeyStore() });
    await expect(start({ imports: [root, ...features] })).rejects.toThrow('The barrier "orders" is there twice');
  });

  it.each([
    [{ maxHoldAgeMs: -1 }, {}, 'maxHoldAgeMs must be'],
    [{ closeTimeoutMs: Number.NaN }, {}, 'closeTimeoutMs must be'],
    [{ tablePrefix: 'No!' }, {}, 'tablePrefix must be'],
    [{}, { maxHoldAgeMs: -1 }, 'maxHoldAgeMs must be'],
    [{}, { keyThreshold: -1 }, 'keyThreshold must be a whole number of at least 0, but is -1'],
    [{}, { name: 'x'.repeat(129) }, 'name must be'],
  ])('does not start with %j and %j', async (root, feature, message) => {
    const store = new MemoryHeldKeyStore();
    const imports = [
      BarrierModule.forRoot({ store, ...root }),
      BarrierModule.forFeature({ name: 'orders', ...feature }),
    ];
    await expect(start({ imports })).rejects.toThrow(message);
  });

  it('keeps the barriers of two apps in one process apart', async () => {
    const app = () =>
      start({
        imports: [
          BarrierModule.forRoot({ store: new MemoryHeldKeyStore() }),
          BarrierModule.forFeature({ name: 'orders' }),
        ],
      });
    const [one, two] = [await app(), await app()];
    orders(one).stateChanged('a', 1, 'failed');
    expect(orders(two).enter('a', 2)).toEqual({ accepted: true });
  });

  it('gives up unstored holds at its deadline, says so, and leaves no timer', async () => {
    const clock = new ManualClock();
    const store = new MemoryHeldKeyStore();
    store.save = () => Promise.reject(new Error('away'));
    const root = BarrierModule.forRoot({ store, clock, closeTimeoutMs: 1000, retryPolicy: fixed(0, 100) });
    const app = await start({ imports: [root, BarrierModule.forFeature({ name: 'orders' })] });
    orders(app).stateChanged('a', 1, 'failed');
    const closed = app.close();
    await clock.advance(1000);
    await closed;
    expect(clock.waiting).toBe(0);
    expect(logged).toContainEqual(
      expect.stringMatching(/^error: The holds of barrier "orders" could not be stored \(1 /),
    );
    expect(logged.at(-1)).toMatch(/^error: The app closes, and holds of barrier "orders" are not stored/);
  });
});

describe('being operated', () => {
  async function operated() {
    const clock = new ManualClock();
    const store = new MemoryHeldKeyStore();
    const features = [
      BarrierModule.forFeature({ name: 'orders' }),
      BarrierModule.forFeature<string, bigint>({ name: 'files', jobIdType: 'bigint', maxHoldAgeMs: 1000 }),
    ];
    const root = BarrierModule.forRoot({ store, clock, maxHoldAgeMs: 5000, retryPolicy: fixed(0, 100).withJitter(0) });
    const app = await start({ imports: [PrometheusModule.register(), root, ...features], providers: [Sender] });
    return { app, clock, store, sender: app.get(Sender), health: app.get(BarrierHealthIndicator) };
  }

  it('is unwell while a key is held for longer than its barrier allows', async () => {
    const { clock, health, sender } = await operated();
    sender.orders.stateChanged('a', 1, 'failed');
    sender.files.stateChanged('a', 1n, 'failed');
    await clock.advance(1000);
    expect(await health.check()).toMatchObject({
      barrier: { status: 'up', orders: { held: 1, oldestHoldAgeMs: 1000 } },
    });
    await clock.advance(1);
    expect(await health.check('holds')).toMatchObject({
      holds: { status: 'down', orders: { up: true }, files: { up: false, oldestHoldAgeMs: 1001 } },
    });
    sender.files.stateChanged('a', 1n, 'succeeded');
    sender.files.sync();
    expect(await health.check()).toMatchObject({ barrier: { status: 'up' } });
  });

  it('is unwell while its store fails', async () => {
    const { clock, health, sender, store } = await operated();
    const save = store.save.bind(store);
    store.save = () => Promise.reject(new Error('away'));
    sender.orders.stateChanged('a', 1, 'failed');
    await clock.advance(0);
    expect(await health.check()).toMatchObject({ barrier: { status: 'down', orders: { storeFailures: 1 } } });
    store.save = save;
    await clock.advance(100);
    expect(await health.check()).toMatchObject({ barrier: { status: 'up', orders: { storeFailures: 0 } } });
  });

  it('has metrics, by barrier', async () => {
    const { app, clock, sender } = await operated();
    sender.orders.enter('a', 3);
    sender.orders.enter('a', 4);
    sender.orders.stateChanged('a', 3, 'failed');
    sender.orders.wait('a', 4);
    sender.orders.enter('a', 2);
    sender.orders.wait('a', 2);
    await clock.advance(2500);
    const metrics = await register.metrics();
    for (const line of [
      'turnpike_barrier_held_keys{barrier="orders"} 1',
      'turnpike_barrier_held_keys{barrier="files"} 0',
      'turnpike_barrier_oldest_hold_seconds{barrier="orders"} 2.5',
      'turnpike_barrier_waits_total{barrier="orders"} 2',
      'turnpike_barrier_illegal_sequences_total{barrier="orders",at="enter"} 1',
      'turnpike_barrier_illegal_sequences_total{barrier="orders",at="wait"} 1',
    ]) {
      expect(metrics).toContain(`${line}\n`);
    }
    await app.close();
    expect(await register.metrics()).not.toContain('held_keys{barrier="orders"}');
  });

  it('logs illegal sequences once a minute, and never the key', async () => {
    const { clock, sender } = await operated();
    sender.orders.stateChanged('personal', 3, 'failed');
    for (let time = 0; time < 3; time++) {
      for (const jobId of [1, 2]) sender.orders.enter('personal', jobId);
      await clock.advance(30_000);
    }
    expect(logged).toHaveLength(2);
    expect(logged[0]).toMatch(/^warn: Barrier "orders": job 1 came \(enter\) after the later job 3 of its key/);
    expect(logged.join()).not.toContain('personal');
  });
});
