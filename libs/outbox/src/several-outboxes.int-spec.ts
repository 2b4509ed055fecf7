import { Injectable } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { dataSourceOptions, testDatabases } from '../../../test/support/databases.js';
import { eventually } from '../../../test/support/eventually.js';
import { outboxSuite } from '../../../test/support/outbox-suite.js';
import {
  InjectOutbox,
  OnOutboxMessage,
  Outbox,
  OutboxModule,
  outboxMigrations,
  outboxMigrationsFor,
  OutboxRelay,
  outboxToken,
} from './index.js';
import { RecordingPublisher } from './testing/index.js';
import { DataSource } from 'typeorm';

const BILLING = outboxMigrationsFor({ tablePrefix: 'turnpike_billing_', shards: 4 });

@Injectable()
class Handlers {
  readonly seen: unknown[] = [];

  constructor(
    readonly own: Outbox,
    @InjectOutbox('billing') readonly billing: Outbox,
  ) {}

  @OnOutboxMessage('t', { consumer: 'own' })
  handleOwn(payload: unknown): void {
    this.seen.push(['own', payload]);
  }

  @OnOutboxMessage('t', { consumer: 'billing', outbox: 'billing' })
  handleBilling(payload: unknown): void {
    this.seen.push(['billing', payload]);
  }
}

describe.each(testDatabases())('Several outboxes on %s', (_name, open) => {
  const suite = outboxSuite(open, [...outboxMigrations, ...BILLING]);

  it('have tables, relays, shards and handlers of their own in one app', async () => {
    const published = new RecordingPublisher();
    const module = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot(dataSourceOptions(suite.database.url)),
        OutboxModule.forRoot({ publisher: published }),
        OutboxModule.forRoot({ name: 'billing' }),
      ],
      providers: [Handlers],
    }).compile();
    module.useLogger(false);
    const app = await module.init();
    try {
      const handlers = app.get(Handlers);
      await app.get(DataSource).transaction(async (tx) => {
        await handlers.own.publish(tx, { topic: 't', payload: 1 });
        await handlers.billing.publish(tx, { topic: 't', payload: 2 });
      });
      await published.arrived(1);
      const billing = app.get<OutboxRelay>(outboxToken(OutboxRelay, 'billing'));
      await eventually(() => expect(handlers.seen).toHaveLength(1));
      expect(published.payloads()).toEqual([1]);
      expect(handlers.seen).toEqual([['billing', 2]]);
      expect([app.get(OutboxRelay).stats().shards, billing.stats().shards]).toEqual([64, 4]);
    } finally {
      await app.close();
    }
  });

  it('stop the start with tables of another number of shards, version, or none', async () => {
    await expect(suite.start({ shards: 8 })).rejects.toThrow(/shards: 8.*made for 64/s);
    await expect(suite.start({ tablePrefix: 'none_' })).rejects.toThrow(/cannot be read.*outboxMigrationsFor/s);
    await suite.database.dataSource.query('update turnpike_outbox_shard set schema_version = 99');
    await expect(suite.start()).rejects.toThrow(/version 99.*install the release/s);
    await suite.database.dataSource.query('update turnpike_outbox_shard set schema_version = 0');
    await expect(suite.start()).rejects.toThrow(/version 0.*run the migrations/s);
  });

  it('are taken down by reverting their migrations', async () => {
    const { dataSource } = suite.database;
    for (let n = 0; n < outboxMigrations.length + BILLING.length; n += 1) await dataSource.undoLastMigration();
    await expect(suite.start()).rejects.toMatchObject({ code: 'TURNPIKE_OUTBOX_SCHEMA' });
    await dataSource.runMigrations();
    await suite.start();
  });
});

describe.each(testDatabases().filter(([name]) => name === 'postgres'))('A schema of its own on %s', (_name, open) => {
  const suite = outboxSuite(open, []);

  it('has the tables when the search path of the DataSource begins with it', async () => {
    await suite.database.dataSource.query('create schema messaging');
    const published = new RecordingPublisher();
    const module = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          ...dataSourceOptions(suite.database.url),
          extra: { options: '-c search_path=messaging,public' },
          migrations: [...outboxMigrations],
          migrationsRun: true,
        }),
        OutboxModule.forRoot({ publisher: published }),
      ],
    }).compile();
    module.useLogger(false);
    const app = await module.init();
    await app.get(DataSource).transaction((tx) => app.get(Outbox).publish(tx, { topic: 't', payload: 1 }));
    await published.arrived(1);
    await app.close();
    const schemas = await suite.database.dataSource.query<{ schema: string }[]>(
      `select distinct table_schema as schema from information_schema.tables where table_name like 'turnpike%'`,
    );
    expect(schemas).toEqual([{ schema: 'messaging' }]);
  });
});
