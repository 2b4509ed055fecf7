import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import type { LoggerService } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import {
  OutboxHealthIndicator,
  outboxMigrations,
  PublishError,
  type OutgoingMessage,
  type Publisher,
} from 'nestjs-turnpike/outbox';
import { HttpPublisher } from 'nestjs-turnpike/outbox/http';
import { KafkaPublisher } from 'nestjs-turnpike/outbox/kafka';
import { NatsPublisher } from 'nestjs-turnpike/outbox/nats';
import { RabbitMqPublisher } from 'nestjs-turnpike/outbox/rabbitmq';
import { RedisPublisher } from 'nestjs-turnpike/outbox/redis';
import { fixed } from 'nestjs-turnpike/timing';
import { register } from 'prom-client';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { broker } from '../support/brokers.js';
import { testDatabases } from '../support/databases.js';
import { KafkaBroker } from '../support/kafka-broker.js';
import { outgoing } from '../support/outgoing-message.js';
import { startOutboxApp } from '../support/outbox-app.js';
import { PrivateServer } from '../support/private-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { WebhookServer } from '../support/webhook-server.js';

const USER = 'a-user-of-ours';
const PASSWORD = 'p@ss:w0rd/%';
const key = randomBytes(32).toString('base64');

/** As they were given, as they stand in a URL, and as Basic authentication has them. */
const SECRETS = [
  USER,
  PASSWORD,
  encodeURIComponent(PASSWORD),
  Buffer.from(`${USER}:${PASSWORD}`).toString('base64'),
  key,
];

/** With the credentials in it. */
function withCredentials(url: string): string {
  return url.replace(/\/\/([^@]*@)?/, `//${USER}:${encodeURIComponent(PASSWORD)}@`);
}

/** Nothing that is said may hold one of the secrets, however deep one looks. */
function secretsIn(said: unknown): string[] {
  const text =
    typeof said === 'string' ? said : inspect(said, { depth: Infinity, showHidden: true, maxStringLength: null });
  return SECRETS.filter((secret) => text.includes(secret));
}

type Case = readonly [what: string, make: () => Promise<Publisher>, reason: RegExp];

const unreachable = 'nothing listens';
const cases: Readonly<Record<string, readonly Case[]>> = {
  RabbitMqPublisher: [
    ['refuses the login', async () => rabbitMq(await broker('rabbitmq')), /ACCESS_REFUSED/],
    [unreachable, async () => rabbitMq(await deadEnd('amqp')), /ECONNREFUSED/],
  ],
  NatsPublisher: [
    [
      'refuses the login',
      async () => {
        const server = await PrivateServer.start('nats', ['--user', 'other', '--pass', 'other']);
        onTestFinished(() => server.close());
        return nats(`nats://127.0.0.1:${server.port}`);
      },
      /Authorization Violation/i,
    ],
    [unreachable, async () => nats(await deadEnd('nats')), /connection refused/],
  ],
  RedisPublisher: [
    [
      'refuses the login',
      async () => {
        const server = await PrivateServer.start('redis', ['--requirepass', 'other']);
        onTestFinished(() => server.close());
        return redis(`redis://127.0.0.1:${server.port}`);
      },
      /WRONGPASS|NOAUTH/,
    ],
    [unreachable, async () => redis(await deadEnd('redis')), /ECONNREFUSED/],
  ],
  HttpPublisher: [
    [
      'refuses the login',
      async () => {
        const server = await WebhookServer.start((_received, response) => response.writeHead(500).end());
        onTestFinished(() => server.stop());
        return http(server.url);
      },
      /answered 500/,
    ],
    [
      'says them itself',
      async () => {
        const server = await WebhookServer.start(({ headers }, response) =>
          response.writeHead(500, `not for ${USER}, ${PASSWORD}, ${headers.authorization}`).end(),
        );
        onTestFinished(() => server.stop());
        return http(server.url);
      },
      /answered 500 not for \*\*\*/,
    ],
    [unreachable, async () => http(await deadEnd('http')), /ECONNREFUSED/],
  ],
  KafkaPublisher: [
    [
      'refuses the login',
      async () => {
        const server = await KafkaBroker.start([]);
        onTestFinished(() => server.stop());
        return kafka(server.url);
      },
      /Kafka is away: .*UNSUPPORTED_SASL_MECHANISM|Kafka is away: .*SASL/,
    ],
    [unreachable, async () => kafka(await deadEnd('kafka')), /127\.0\.0\.1/],
  ],
};

function rabbitMq(url: string): Publisher {
  return new RabbitMqPublisher({ url: withCredentials(url) });
}
function nats(url: string): Publisher {
  return new NatsPublisher({ url: withCredentials(url) });
}
function redis(url: string): Publisher {
  return new RedisPublisher({ url: withCredentials(url) });
}
function http(url: string): Publisher {
  return new HttpPublisher({ url: `${withCredentials(url)}?token=${key}`, secret: `whsec_${key}` });
}
function kafka(url: string): Publisher {
  return new KafkaPublisher({ url: withCredentials(url), clientOptions: { retries: 2, retryDelay: 10 } });
}

/** A URL of the protocol at which nothing listens. */
async function deadEnd(protocol: string): Promise<string> {
  const proxy = await TcpProxy.before('tcp://127.0.0.1:1');
  await proxy.close();
  return `${protocol}://127.0.0.1:${proxy.port}`;
}

const all = Object.entries(cases).flatMap(([name, of]) =>
  of.map(([what, make, reason]) => ({ name, what, make, reason })),
);

describe('credentials of a URL', () => {
  afterEach(() => register.clear());

  it.each(all)('are not in what $name throws or is when the server: $what', async ({ make, reason }) => {
    const said: unknown[] = [];
    for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
      vi.spyOn(console, method).mockImplementation((...args) => void said.push(args));
    }
    const publisher = await make();
    onTestFinished(() => publisher.close?.());
    const failure: unknown = await publisher
      .publish([outgoing()], { namespace: 'default', signal: new AbortController().signal })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    const [first = failure] = failure instanceof PublishError ? failure.errors : [];
    expect((first as Error).message).toMatch(reason);
    expect(secretsIn([failure, publisher, said, JSON.stringify(publisher)])).toEqual([]);
  });

  it.each(all)(
    'are not in the log, metrics, health or tables when $name meets a server that: $what',
    async ({ make }) => {
      const [, open] = testDatabases().find(([database]) => database === 'postgres') ?? [];
      const database = await open?.({ migrations: [...outboxMigrations] });
      if (!database) throw new Error('There is no Postgres in this tier.');
      onTestFinished(() => database.close());
      const publisher = await make();
      const attempts: OutgoingMessage[] = [];
      const watched: Publisher = {
        publish: async (messages, context) => {
          attempts.push(...messages);
          await publisher.publish(messages, context);
        },
        close: async () => publisher.close?.(),
      };
      const { app, outbox, dataSource, relay } = await startOutboxApp(
        database.url,
        { publisher: watched, retry: fixed(0, 10) },
        { imports: [TerminusModule, PrometheusModule.register({ defaultMetrics: { enabled: false } })] },
      );
      const log: unknown[] = [];
      const keep = (...args: unknown[]): void => void log.push(args);
      app.useLogger({
        log: keep,
        error: keep,
        warn: keep,
        debug: keep,
        verbose: keep,
        fatal: keep,
      } satisfies LoggerService);
      try {
        await dataSource.transaction((tx) => outbox.publish(tx, { topic: 't', key: 'k', payload: { n: 1 } }));
        await vi.waitFor(() => expect(attempts.length).toBeGreaterThan(1), { timeout: 10_000 });
        const health = await app
          .get(OutboxHealthIndicator)
          .check()
          .catch((error: unknown) => error);
        const tables = await Promise.all(
          ['turnpike_outbox_entry', 'turnpike_outbox_parked'].map((table) =>
            dataSource.query(`select * from ${table}`),
          ),
        );
        expect(secretsIn([log, health, tables, relay.stats(), await register.metrics()])).toEqual([]);
      } finally {
        await app.close();
      }
    },
  );

  it.each([
    ['RabbitMqPublisher', (url: string) => rabbitMq(url)],
    ['NatsPublisher', (url: string) => nats(url)],
    ['RedisPublisher', (url: string) => redis(url)],
    ['HttpPublisher', (url: string) => http(url)],
    ['KafkaPublisher', (url: string) => kafka(url)],
  ])('are not in what %s says of a URL that it cannot use', (_name, make) => {
    for (const url of ['wrong://host', 'amqp//host', 'redis://host:port']) {
      let failure: unknown;
      try {
        make(url);
      } catch (error) {
        failure = error;
      }
      expect(failure).toBeInstanceOf(RangeError);
      expect(secretsIn(failure)).toEqual([]);
    }
  });
});
