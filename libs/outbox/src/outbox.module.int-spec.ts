import { setTimeout as sleep } from 'node:timers/promises';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { BarrierHealthIndicator, BarrierModule } from 'nestjs-turnpike/barrier';
import { MemoryHeldKeyStore } from 'nestjs-turnpike/barrier/testing';
import { fixed } from 'nestjs-turnpike/timing';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { register } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.js';
import { dataSourceOptions, testDatabases, type TestDatabase } from '../../../test/support/databases.js';
import { startOutboxApp, type OutboxApp } from '../../../test/support/outbox-app.js';
import {
  Outbox,
  OutboxHealthIndicator,
  OutboxModule,
  outboxMigrations,
  OutboxSchemaError,
  OutboxSetupError,
  type Publisher,
} from './index.js';
import { RecordingPublisher } from './testing/index.js';

describe.each(testDatabases())('OutboxModule on %s', (_name, open) => {
  let database: TestDatabase;
  const apps: OutboxApp[] = [];

  beforeEach(async () => {
    database = await open({ migrations: [...outboxMigrations] });
  });
  afterEach(async () => {
    for (const { app } of apps.splice(0)) await app.close();
    await database.close();
    register.clear();
  });

  const start = async (...args: Parameters<typeof startOutboxApp>): Promise<OutboxApp> => {
    const running = await startOutboxApp(...args);
    apps.push(running);
    return running;
  };
  const publish = ({ outbox, dataSource }: OutboxApp, payload: unknown): Promise<void> =>
    dataSource.transaction((tx) => outbox.publish(tx, { topic: 't', key: 'k', payload }));

  it('takes its options from a factory', async () => {
    const publisher = new RecordingPublisher();
    const namespaces: string[] = [];
    const watched: Publisher = {
      publish: (messages, context) => {
        namespaces.push(context.namespace);
        return publisher.publish(messages);
      },
    };
    const module = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot(dataSourceOptions(database.url)),
        OutboxModule.forRootAsync({ useFactory: async () => ({ publisher: watched, namespace: 'mine' }) }),
      ],
    }).compile();
    const app = await module.init();
    const dataSource = app.get(DataSource);
    await dataSource.transaction((tx) => app.get(Outbox).publish(tx, { topic: 't', payload: 1 }));
    await publisher.arrived(1);
    await app.close();
    expect(namespaces).toEqual(['mine']);
  });

  it('keeps two apps in one process, on two databases, apart', async () => {
    const other = await open({ migrations: [...outboxMigrations] });
    const publishers = [new RecordingPublisher(), new RecordingPublisher()] as const;
    const one = await start(database.url, { publisher: publishers[0] });
    const two = await start(other.url, { publisher: publishers[1] });
    await publish(one, 'one');
    await publish(two, 'two');
    await Promise.all(publishers.map((publisher) => publisher.arrived(1)));
    await two.app.close();
    await other.close();
    apps.pop();
    await publish(one, 'still here');
    await publishers[0].arrived(2);
    expect(publishers.map((publisher) => publisher.payloads())).toEqual([['one', 'still here'], ['two']]);
  });

  it('closes its publishers when the app shuts down, after the last call has ended', async () => {
    const calls: string[] = [];
    const publisher: Publisher = {
      publish: async () => {
        calls.push('begun');
        await sleep(100);
        calls.push('ended');
      },
      close: async () => void calls.push('closed'),
    };
    const running = await start(database.url, { publisher });
    await publish(running, 1);
    await eventually(() => expect(calls).toEqual(['begun']));
    await running.app.close();
    apps.pop();
    expect(calls).toEqual(['begun', 'ended', 'closed']);
  });

  it('counts in an app with PrometheusModule, and registers nothing in one without', async () => {
    const silent = await start(database.url, { publisher: new RecordingPublisher() });
    await publish(silent, 1);
    expect(await register.metrics()).not.toContain('turnpike');
    await silent.app.close();
    apps.pop();

    const publisher = new RecordingPublisher(({ attempt }) => (attempt === 1 ? new Error('no') : undefined));
    const counting = await start(database.url, { publisher }, { imports: [PrometheusModule.register()] });
    await publish(counting, 2);
    await publisher.attempted(1);
    await eventually(async () => {
      const metrics = await register.metrics();
      expect(metrics).toMatch(/^turnpike_outbox_failed_total\{[^}]*destination="default"[^}]*\} 1$/m);
      expect(metrics).toMatch(/^turnpike_outbox_held_keys\{outbox="default"\} 1$/m);
      expect(metrics).toMatch(/^turnpike_outbox_shards\{outbox="default"\} 64$/m);
    });
    await publisher.arrived(1);
    await eventually(async () => {
      const metrics = await register.metrics();
      expect(metrics).toMatch(/^turnpike_outbox_published_total\{[^}]*destination="default"[^}]*\} [12]$/m);
      expect(metrics).toMatch(/^turnpike_outbox_held_keys\{outbox="default"\} 0$/m);
    });
  });

  it('is healthy while its rounds succeed, and not while they fail', async () => {
    const running = await start(database.url, {
      publisher: new RecordingPublisher(),
      relay: { processIntervalMs: 10 },
    });
    const health = running.app.get(OutboxHealthIndicator);
    await eventually(async () =>
      expect(await health.check()).toMatchObject({ outbox: { status: 'up', shards: 64, heldKeys: 0 } }),
    );
    await database.dataSource.query('alter table turnpike_outbox_parked rename to away');
    await eventually(async () => expect(await health.check('mine')).toMatchObject({ mine: { status: 'down' } }));
    await database.dataSource.query('alter table away rename to turnpike_outbox_parked');
    await eventually(async () => expect(await health.check()).toMatchObject({ outbox: { status: 'up' } }));
  });

  it("shows its holds beside those of the app's barriers, and is not well when one lasts too long", async () => {
    let failing = true;
    const publisher = new RecordingPublisher(() => (failing ? new Error('no') : undefined));
    const barriers = BarrierModule.forRoot({ store: new MemoryHeldKeyStore(), maxHoldAgeMs: 0 });
    const running = await start(database.url, { publisher, retry: fixed(0, 20) }, { imports: [barriers] });
    const health = running.app.get(BarrierHealthIndicator);
    expect(await health.check()).toMatchObject({ barrier: { status: 'up', outbox: { held: 0, oldestHoldAgeMs: 0 } } });
    await publish(running, 1);
    await eventually(async () => {
      expect(await health.check()).toMatchObject({ barrier: { status: 'down', outbox: { held: 1 } } });
    });
    failing = false;
    await eventually(async () => expect(await health.check()).toMatchObject({ barrier: { status: 'up' } }));
  });

  it('stops the start when its tables are missing, and says what to do', async () => {
    const empty = await open();
    await expect(startOutboxApp(empty.url)).rejects.toThrow(OutboxSchemaError);
    await empty.close();
  });

  it('delivers nothing with relay: false, and stops and closes all the same', async () => {
    const publisher = new RecordingPublisher();
    const running = await start(database.url, { publisher, relay: false });
    await publish(running, 1);
    expect(await running.relay.pump()).toMatchObject({ read: 0 });
    expect(publisher.attempts).toEqual([]);
  });
});

it('stops the start without a DataSource, and says what to do', async () => {
  const starting = Test.createTestingModule({ imports: [OutboxModule.forRoot()] }).compile();
  await expect(starting).rejects.toThrow(OutboxSetupError);
  await expect(starting).rejects.toThrow(/TypeOrmModule\.forRoot/);
});
