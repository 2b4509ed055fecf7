import { Injectable, type ModuleMetadata } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { barrierMigrations } from 'nestjs-turnpike/barrier';
import { DashboardModule, type OutboxSnapshot, type Snapshot } from 'nestjs-turnpike/dashboard';
import {
  NonRetryableError,
  Outbox,
  OutboxModule,
  outboxMigrations,
  outboxMigrationsFor,
  PublishError,
  type Publisher,
} from 'nestjs-turnpike/outbox';
import { ProcessBatch, QueueModule, queueMigrations } from 'nestjs-turnpike/queue';
import { fixed } from 'nestjs-turnpike/timing';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach } from 'vitest';
import { dataSourceOptions, type OpenDatabase, type TestDatabase } from './databases.js';
import { EventStream } from './event-stream.js';

export const INTERVAL_MS = 200;
export const SCRIPT = '<script>alert("payload")</script>';

interface Payload {
  readonly n: number;
  readonly fate?: 'refused' | 'failing';
  readonly text?: string;
}

/** What is sent, and refuses or fails what says so, until it is healed. */
export class Service implements Publisher {
  readonly batchSize = 1;
  readonly sent: number[] = [];
  healed = false;

  async publish(messages: Parameters<Publisher['publish']>[0]): Promise<void> {
    const errors = messages.map(({ payload }) => {
      const { n, fate } = payload as Payload;
      if (fate === undefined || this.healed) return void this.sent.push(n);
      return fate === 'refused' ? new NonRetryableError(`no ${SCRIPT}`) : new Error('not now');
    });
    if (errors.some((error) => error !== undefined)) throw new PublishError(errors);
  }
}

@Injectable()
class Mailer {
  @ProcessBatch('mails')
  async send(batch: Iterable<{ to: string }>): Promise<void> {
    for (const { to } of batch) if (to.startsWith('bad')) throw new Error(`no mail to ${to}`);
  }
}

/** A queue whose items are dead letters as soon as they fail. */
export const mails = (): NonNullable<ModuleMetadata['imports']> => [
  QueueModule.forRoot(),
  QueueModule.registerQueue({ name: 'mails', dataSource: true, retryPolicy: fixed(1, 1), onExhausted: 'deadLetter' }),
];

/** A database of its own for each test of the suite, and apps on it that have a dashboard. */
export class DashboardSuite {
  database!: TestDatabase;
  service = new Service();
  private readonly apps: NestExpressApplication[] = [];

  constructor(open: OpenDatabase) {
    const billing = outboxMigrationsFor({ tablePrefix: 'turnpike_billing_', shards: 4 });
    const migrations = [...outboxMigrations, ...billing, ...queueMigrations, ...barrierMigrations];
    beforeEach(async () => {
      this.database = await open({ migrations });
      this.service = new Service();
    });
    afterEach(async () => {
      await Promise.all(this.apps.splice(0).map((app) => app.close()));
      await this.database.close();
    });
  }

  /** An outbox that sends to `service`. */
  outbox(relay?: false): NonNullable<ModuleMetadata['imports']>[number] {
    const options = relay === undefined ? {} : { relay };
    return OutboxModule.forRoot({ publisher: this.service, retry: fixed(0, 50), ...options });
  }

  /** Without a body parser: the dashboard reads by itself what it is sent. `statements`: those that the app makes. */
  async start(
    imports: NonNullable<ModuleMetadata['imports']>,
    { statements, intervalMs = INTERVAL_MS }: { readonly statements?: string[]; readonly intervalMs?: number } = {},
  ): Promise<NestExpressApplication> {
    const logging = statements && { logging: true, logger: loggerInto(statements) };
    const module = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ ...dataSourceOptions(this.database.url), ...logging }),
        ...imports,
        DashboardModule.forRoot({ intervalMs }),
      ],
      providers: [Mailer],
    }).compile();
    const app = module.createNestApplication<NestExpressApplication>({ bodyParser: false });
    app.useLogger(false);
    this.apps.push(app);
    await app.listen(0, '127.0.0.1');
    return app;
  }

  publish(app: NestExpressApplication, key: string, ...payloads: Payload[]): Promise<void> {
    const messages = payloads.map((payload) => ({ topic: 'order.placed', key, payload, headers: { h: '1' } }));
    return app.get(DataSource).transaction((tx) => app.get(Outbox).publish(tx, ...messages));
  }

  async follow(app: NestExpressApplication): Promise<EventStream> {
    return EventStream.open(`${await app.getUrl()}/turnpike/stream`);
  }

  async get<T>(app: NestExpressApplication, path: string): Promise<T> {
    const response = await fetch(`${await app.getUrl()}/turnpike/${path}`);
    return (await response.json()) as T;
  }

  /** A text is sent as it is. */
  async post(app: NestExpressApplication, path: string, body: unknown): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${await app.getUrl()}/turnpike/${path}`, {
      method: 'POST',
      headers: { 'x-turnpike-dashboard': '1', 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }
}

function loggerInto(statements: string[]) {
  const nothing = (): void => undefined;
  return {
    logQuery: (statement: string): void => void statements.push(statement),
    logQueryError: nothing,
    logQuerySlow: nothing,
    logSchemaBuild: nothing,
    logMigration: nothing,
    log: nothing,
  };
}

/** The first snapshot whose outbox looks like this. */
export async function shown(stream: EventStream, fits: (outbox: OutboxSnapshot) => boolean): Promise<OutboxSnapshot> {
  const { outboxes } = await stream.first<Snapshot>((event, data) => event === 'snapshot' && data.outboxes.some(fits));
  return outboxes.find(fits)!;
}
