import {
  Global,
  Injectable,
  Module,
  type DynamicModule,
  type ModuleMetadata,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import type { Database } from 'better-sqlite3';
import { UnsupportedDatabaseError } from 'nestjs-turnpike/dialect';
import { register } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import {
  InjectLessor,
  LeaseBalancers,
  LESSOR,
  LessorHealthIndicator,
  lessorMigrations,
  LessorModule,
  MemoryLeaseStore,
  Partition,
  StoreLessor,
  type Lessor,
} from './index.js';

const ALL = Partition.fromInts(0, 64);

/** As in the README. */
@Injectable()
class Cleanup {
  readonly cleaned: string[] = [];

  constructor(@InjectLessor() private readonly lessor: Lessor) {}

  run(): Promise<void> {
    return this.lessor.withLease('cleanup', Partition.universe(16), 60_000, async (parts, { signal, token }) => {
      for (const part of parts) await this.clean(part.queryBounds(16), token, signal); // `where id >= $1 and id < $2`
    });
  }

  private async clean([low, high]: [string, string], token: bigint, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.cleaned.push(`${low} to ${high} by ${token}`);
  }
}

/** Works on the shards it is given. */
@Injectable()
class Worker implements OnApplicationBootstrap {
  readonly log: string[] = [];
  private assigned = (): void => undefined;
  readonly ready = new Promise<void>((resolve) => (this.assigned = resolve));

  constructor(private readonly balancers: LeaseBalancers) {}

  onApplicationBootstrap(): void {
    this.balancers.start({
      section: 'work',
      universe: ALL,
      onAssigned: (parts) => {
        this.log.push(`+${parts.length}`);
        this.assigned();
      },
      onRevoked: async (parts) => void this.log.push(`-${parts.length}`),
    });
  }
}

@Global()
@Module({})
class DataSourceModule {}

function withDataSource(dataSource: DataSource): DynamicModule {
  const provider = { provide: getDataSourceToken(), useValue: dataSource };
  return { module: DataSourceModule, providers: [provider], exports: [provider] };
}

const apps: TestingModule[] = [];

async function start(metadata: ModuleMetadata): Promise<TestingModule> {
  const app = await Test.createTestingModule(metadata).compile();
  apps.push(app);
  return app.init();
}

describe('LessorModule', () => {
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    register.clear();
  });

  it('leases in the default DataSource', async () => {
    const database = TypeOrmModule.forRoot({
      type: 'better-sqlite3',
      database: ':memory:',
      migrations: [...lessorMigrations],
      migrationsRun: true,
    });
    const app = await start({ imports: [database, LessorModule.forRoot()], providers: [Cleanup] });
    await app.get(Cleanup).run();
    expect(app.get(Cleanup).cleaned).toEqual([`${'0'.repeat(32)} to g by 1`]);
  });

  it('says what is missing without a DataSource', async () => {
    await expect(start({ imports: [LessorModule.forRoot()] })).rejects.toThrow('TypeOrmModule.forRoot()');
  });

  it('does not start on a driver that is not supported, or a server that is too old, and names what it needs', async () => {
    const oracle = Object.create(DataSource.prototype, { options: { value: { type: 'oracle' } } }) as DataSource;
    const driver = start({ imports: [withDataSource(oracle), LessorModule.forRoot()] });
    await expect(driver).rejects.toThrow(UnsupportedDatabaseError);
    await expect(driver).rejects.toThrow(/needs Postgres 15 or newer.* the driver "oracle"/);
    const old = TypeOrmModule.forRoot({
      type: 'better-sqlite3',
      database: ':memory:',
      prepareDatabase: (db: Database) => void db.function('sqlite_version', () => '3.41.0'),
    });
    const server = start({ imports: [old, LessorModule.forRoot()] });
    await expect(server).rejects.toThrow(
      /needs .* SQLite 3\.42 or newer through better-sqlite3, but the DataSource uses SQLite 3\.41\.0/,
    );
  });

  it("takes a lessor of the user's own, with options from forRootAsync", async () => {
    const mine = new StoreLessor(new MemoryLeaseStore());
    const useFactory = async () => ({ lessor: 'mine', lessors: { mine: () => mine } });
    const app = await start({ imports: [LessorModule.forRootAsync({ useFactory })] });
    expect(app.get(LESSOR)).toBe(mine);
  });

  it.each([
    [{ lessor: 'etcd' }, '"etcd" is not one of: memory, typeorm'],
    [{ lessor: 'memory', tablePrefix: 'No!' }, 'tablePrefix must'],
    [{ lessors: { mine: 7 as never } }, 'lessors.mine must'],
    [{ lessor: 'memory', lessors: { memory: () => new StoreLessor(new MemoryLeaseStore()) } }, 'registered already'],
  ])('does not start with %j', async (options, message) => {
    await expect(start({ imports: [LessorModule.forRoot(options)] })).rejects.toThrow(message);
  });

  it('balances when the app has booted, and hands over when it closes', async () => {
    const app = await start({ imports: [LessorModule.forRoot({ lessor: 'memory' })], providers: [Worker] });
    const worker = app.get(Worker);
    await worker.ready;
    await app.close();
    expect(worker.log).toEqual(['+64', '-64']);
  });

  it('refuses to balance on a lessor without a store', async () => {
    const bare: Lessor = { withLease: (_section, desired, _ms, work) => work([desired], {} as never) };
    const imports = [LessorModule.forRoot({ lessor: 'bare', lessors: { bare: () => bare } })];
    await expect(start({ imports, providers: [Worker] })).rejects.toThrow('The lessor "bare" cannot balance');
    const app = await start({ imports });
    expect(await app.get(LessorHealthIndicator).check()).toMatchObject({ lessor: { status: 'up' } });
  });

  it('is healthy while the store answers, and shows the shares', async () => {
    const store = new MemoryLeaseStore();
    const options = { lessor: 'mine', lessors: { mine: () => new StoreLessor(store) } };
    const app = await start({ imports: [LessorModule.forRoot(options)], providers: [Worker] });
    await app.get(Worker).ready;
    expect(await app.get(LessorHealthIndicator).check()).toEqual({
      lessor: { status: 'up', shares: [{ section: 'work', parts: 64, share: 64, starved: false }] },
    });
    store.members = () => Promise.reject(new Error('away'));
    expect(await app.get(LessorHealthIndicator).check('leases')).toMatchObject({
      leases: { status: 'down', error: 'away' },
    });
  });

  it('feeds the metrics of an app with PrometheusModule, and ends with the app', async () => {
    const imports = [PrometheusModule.register(), LessorModule.forRoot({ lessor: 'memory' })];
    const app = await start({ imports, providers: [Cleanup, Worker] });
    await app.get(Worker).ready;
    await app.get(Cleanup).run();
    const text = await register.metrics();
    expect(text).toContain('turnpike_lessor_held_parts 64');
    expect(text).toContain('turnpike_lessor_acquire_duration_seconds_count 2');
    expect(text).toContain('turnpike_lessor_lost_leases_total 0');
    await app.close();
    expect(await register.metrics()).not.toContain('turnpike_lessor_held_parts 64');
  });
});
