import { Injectable, Scope, type Type } from '@nestjs/common';
import { ClsPluginTransactional, Transactional, TransactionHost } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { getDataSourceToken } from '@nestjs/typeorm';
import { ClsModule } from 'nestjs-cls';
import { fixed } from 'nestjs-turnpike/timing';
import type { EntityManager } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../../test/support/eventually.js';
import { testDatabases, type TestDatabase } from '../../../../test/support/databases.js';
import { startOutboxApp, type OutboxApp } from '../../../../test/support/outbox-app.js';
import {
  OnOutboxMessage,
  outboxMigrations,
  OutboxSetupError,
  Publishes,
  TransactionRequiredError,
  type DeliveryContext,
} from '../index.js';

interface Thing {
  readonly name: string;
}

const cls = ClsModule.forRoot({
  plugins: [
    new ClsPluginTransactional({
      adapter: new TransactionalAdapterTypeOrm({ dataSourceToken: getDataSourceToken() as string }),
    }),
  ],
});

/** What a user writes. */
@Injectable()
class Things {
  constructor(private readonly host: TransactionHost<TransactionalAdapterTypeOrm>) {}

  @Transactional()
  @Publishes<Thing>({ topic: 'thing.made', key: ({ name }) => name })
  async make(name: string, fail = false): Promise<Thing> {
    await this.insert(name);
    if (fail) throw new Error('changed my mind');
    return { name };
  }

  @Transactional()
  @Publishes<Thing>({
    topic: 'thing.made',
    payload: ({ name }) => name.toUpperCase(),
    headers: () => ({ many: 'yes' }),
  })
  async makeMany(...names: string[]): Promise<Thing[]> {
    for (const name of names) await this.insert(name);
    return names.map((name) => ({ name }));
  }

  @Transactional()
  @Publishes<Thing>({ topic: 'thing.made' })
  async makeNone(): Promise<Thing | undefined> {
    return undefined;
  }

  @Transactional()
  @Publishes<Thing>({ topic: 'thing.counted', payload: () => 1, id: ({ name }) => `count of ${name}` })
  @Publishes<Thing>({ topic: 'thing.made', key: ({ name }) => name, delayMs: () => 20 })
  async makeAndCount(name: string): Promise<Thing> {
    await this.insert(name);
    return { name };
  }

  @Publishes<Thing>({ topic: 'thing.made' })
  @Transactional()
  async wrongOrder(name: string): Promise<Thing> {
    await this.insert(name);
    return { name };
  }

  private insert(name: string): Promise<unknown> {
    return this.host.tx.query(`insert into thing (name) values ('${name}')`);
  }
}

/** Notes what it was given, in the transaction that it was given. */
@Injectable()
class Notes {
  readonly received: unknown[] = [];
  failuresLeft = 0;

  constructor(private readonly host: TransactionHost<TransactionalAdapterTypeOrm>) {}

  @OnOutboxMessage('thing.made', { consumer: 'notes' })
  async note(payload: unknown, { message, tx }: DeliveryContext): Promise<void> {
    this.received.push(payload);
    await tx.query(`insert into thing (name) values ('note ${message.id}')`);
    await this.host.tx.query(`insert into thing (name) values ('host ${message.id}')`);
  }

  @OnOutboxMessage('thing.counted', { consumer: 'notes' })
  count(payload: unknown, { message }: DeliveryContext): void {
    this.received.push(payload, message.id);
  }

  @OnOutboxMessage('thing.made', { consumer: 'flaky' })
  flaky(): void {
    if (this.failuresLeft-- > 0) throw new Error('not yet');
  }
}

describe.each(testDatabases())('The decorators on %s', (_name, open) => {
  let database: TestDatabase;
  const apps: OutboxApp[] = [];

  beforeEach(async () => {
    database = await open({ migrations: [...outboxMigrations] });
    await database.dataSource.query('create table thing (name varchar(100) primary key)');
  });
  afterEach(async () => {
    for (const { app } of apps.splice(0)) await app.close();
    await database.close();
  });

  const start = async (providers: Type[]): Promise<OutboxApp> => {
    const running = await startOutboxApp(database.url, { retry: fixed(0, 20) }, { imports: [cls], providers });
    apps.push(running);
    return running;
  };
  const names = async (): Promise<string[]> =>
    (await database.dataSource.query<Thing[]>('select name from thing order by name')).map(({ name }) => name);

  it('publish what a method returned in its transaction, and deliver it', async () => {
    const { app } = await start([Things, Notes]);
    await app.get(Things).make('a');
    await eventually(() => expect(app.get(Notes).received).toEqual([{ name: 'a' }]));
  });

  it('publish nothing when the transaction rolls back', async () => {
    const { app } = await start([Things, Notes]);
    await expect(app.get(Things).make('a', true)).rejects.toThrow('changed my mind');
    await app.get(Things).make('b');
    await eventually(() => expect(app.get(Notes).received).toEqual([{ name: 'b' }]));
    expect((await names()).filter((name) => name.length === 1)).toEqual(['b']);
  });

  it('publish one message for each element of an array, by the mapper, and none for undefined', async () => {
    const { app } = await start([Things, Notes]);
    await app.get(Things).makeNone();
    await app.get(Things).makeMany('x', 'y');
    await eventually(() => expect(new Set(app.get(Notes).received)).toEqual(new Set(['X', 'Y'])));
  });

  it('publish a message each, where a method has several', async () => {
    const { app } = await start([Things, Notes]);
    await app.get(Things).makeAndCount('a');
    await eventually(() => expect(app.get(Notes).received).toEqual([1, 'count of a', { name: 'a' }]));
  });

  it('refuse a call without a transaction around them, before the method runs', async () => {
    const { app } = await start([Things, Notes]);
    await expect(app.get(Things).wrongOrder('a')).rejects.toThrow(TransactionRequiredError);
    await expect(app.get(Things).wrongOrder('a')).rejects.toThrow(/Things\.wrongOrder\(\).*above @Publishes/);
    expect(await names()).toEqual([]);
  });

  it('commit what a handler writes with tx or the ambient transaction together with the record of its delivery', async () => {
    const { app } = await start([Things, Notes]);
    const notes = app.get(Notes);
    notes.failuresLeft = 3;
    await app.get(Things).make('a');
    await eventually(() => expect(notes.failuresLeft).toBe(-1));
    // Its sibling failed three times, and each time the message came again; this one had seen it.
    expect(notes.received).toEqual([{ name: 'a' }]);
    expect((await names()).map((name) => name.split(' ')[0])).toEqual(['a', 'host', 'note']);
  });

  it('roll back what a handler wrote before it threw', async () => {
    @Injectable()
    class Failing {
      attempts = 0;

      @OnOutboxMessage('thing.made', { consumer: 'failing' })
      async handle(_payload: unknown, { tx }: { tx: EntityManager }): Promise<void> {
        this.attempts += 1;
        await tx.query(`insert into thing (name) values ('attempt ${this.attempts}')`);
        if (this.attempts < 3) throw new Error('no');
      }
    }
    const { app } = await start([Things, Failing]);
    await app.get(Things).make('a');
    await eventually(async () => expect(await names()).toEqual(['a', 'attempt 3']));
  });

  it('keep a message that no method handles until one does', async () => {
    const first = await start([Things]);
    await first.app.get(Things).make('a');
    await eventually(() => expect(first.relay.stats().failed).toBeGreaterThan(0));
    const { app } = first;
    await app.close();
    apps.length = 0;
    const second = await start([Things, Notes]);
    await eventually(() => expect(second.app.get(Notes).received).toEqual([{ name: 'a' }]));
  });

  it('refuse to start with two methods of one consumer, or with one of a request-scoped provider', async () => {
    @Injectable()
    class Twice {
      @OnOutboxMessage('thing.made', { consumer: 'notes' })
      handle(): void {}
    }
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      @OnOutboxMessage('thing.made', { consumer: 'per-request' })
      handle(): void {}
    }
    await expect(start([Notes, Twice])).rejects.toThrow(/another method for the consumer "notes"/);
    await expect(start([PerRequest])).rejects.toThrow(/request-scoped/);
  });
});

it('check their arguments where they are written', () => {
  expect(() => Publishes({ topic: '' })).toThrow(OutboxSetupError);
  expect(() => OnOutboxMessage('', { consumer: 'c' })).toThrow(OutboxSetupError);
  expect(() => OnOutboxMessage('t', { consumer: '' })).toThrow(/consumer of 1 to 255/);
});
