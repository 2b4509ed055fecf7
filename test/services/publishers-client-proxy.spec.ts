import { randomUUID } from 'node:crypto';
import { Controller, type INestMicroservice } from '@nestjs/common';
import {
  ClientProxyFactory,
  Ctx,
  EventPattern,
  Payload,
  Transport,
  type ClientProxy,
  type MicroserviceOptions,
  type NatsContext,
  type RmqContext,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import amqplib, { type ConsumeMessage } from 'amqplib';
import { PublisherUnavailableError } from 'nestjs-turnpike/outbox';
import { ClientProxyPublisher, type ClientProxyPublisherOptions } from 'nestjs-turnpike/outbox/client-proxy';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { broker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { outgoing } from '../support/outgoing-message.js';
import { checkArrivals, MESSAGES, relayThrough, type Arrived } from '../support/relay-through.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const context = { namespace: 'default', signal: new AbortController().signal };
const handled: { data: unknown; context: unknown }[] = [];

@Controller()
class Orders {
  @EventPattern('order.placed')
  placed(@Payload() data: unknown, @Ctx() context: unknown): void {
    handled.push({ data, context });
  }
}

/** A Nest microservice that handles `order.placed`, and a client for it. */
async function connect(options: MicroserviceOptions, clientOptions = options): Promise<ClientProxy> {
  const module = await Test.createTestingModule({ controllers: [Orders] }).compile();
  const service: INestMicroservice = module.createNestMicroservice<MicroserviceOptions>({ ...options, logger: false });
  await service.listen();
  return clientOf(clientOptions, () => service.close());
}

function clientOf(options: object, close: () => Promise<void> = async () => undefined): ClientProxy {
  const client = ClientProxyFactory.create(options);
  onTestFinished(async () => {
    await client.close();
    await close();
  });
  return client;
}

describe('ClientProxyPublisher', () => {
  const message = outgoing({
    id: 'm-1',
    key: 'Zoë',
    namespace: 'shop',
    headers: { tenant: 'a', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
  });
  const published = async (client: ClientProxy, options: ClientProxyPublisherOptions = {}): Promise<unknown> => {
    await new ClientProxyPublisher(client, options).publish([message], context);
    await eventually(() => expect(handled).toHaveLength(1));
    return handled[0]?.data;
  };
  beforeEach(() => {
    handled.length = 0;
  });

  describe('by TCP and Redis, which have no headers', () => {
    const envelope = {
      id: 'm-1',
      topic: 'order.placed',
      namespace: 'shop',
      key: 'Zoë',
      contentType: 'application/json',
      createdAtMs: message.createdAtMs,
      headers: message.headers,
      payload: { orderId: 'o-1' },
    };
    const tcp = async (): Promise<ClientProxy> =>
      connect({ transport: Transport.TCP, options: { host: '127.0.0.1', port: await freePort() } });

    it('a handler gets an envelope, by TCP', async () => {
      expect(await published(await tcp())).toEqual(envelope);
    });

    it('a handler gets an envelope, by Redis', async () => {
      const { hostname: host, port } = new URL(await broker('redis'));
      const redis = await connect({ transport: Transport.REDIS, options: { host, port: Number(port) } });
      expect(await published(redis)).toEqual(envelope);
    });

    it('bytes come as base64', async () => {
      const publisher = new ClientProxyPublisher(await tcp());
      await publisher.publish([outgoing({ payload: new Uint8Array([1, 2, 255]) })], context);
      await eventually(() => expect(handled).toHaveLength(1));
      expect(handled[0]?.data).toMatchObject({ contentType: 'application/octet-stream', payload: 'AQL/' });
    });

    it('or a CloudEvent, or what the options make of it', async () => {
      const client = await tcp();
      const event = await published(client, { cloudEvents: { mode: 'structured' } });
      expect(event).toMatchObject({ specversion: '1.0', id: 'm-1', source: '/shop', data: { orderId: 'o-1' } });
      handled.length = 0;
      expect(await published(client, { data: ({ payload }) => payload })).toEqual({ orderId: 'o-1' });
      handled.length = 0;
      expect(await published(client, { cloudEvents: { mode: 'binary' } })).toMatchObject({
        headers: { ...message.headers, 'ce-id': 'm-1', 'ce-partitionkey': 'Zoë' },
      });
    });
  });

  describe('by RMQ', () => {
    const rmq = async (url: string, queue: string): Promise<MicroserviceOptions> => {
      const connection = await amqplib.connect(await broker('rabbitmq'));
      onTestFinished(async () => {
        const channel = await connection.createChannel();
        await channel.deleteQueue(queue);
        await connection.close();
      });
      return { transport: Transport.RMQ, options: { urls: [url], queue, queueOptions: { durable: true } } };
    };

    it("a handler gets the payload, and the message's properties have the rest", async () => {
      const options = await rmq(await broker('rabbitmq'), `test.${randomUUID()}`);
      expect(await published(await connect(options))).toEqual({ orderId: 'o-1' });
      const [{ context: arrival } = {}] = handled;
      const { properties } = (arrival as RmqContext).getMessage() as unknown as ConsumeMessage;
      expect(properties).toMatchObject({
        messageId: 'm-1',
        type: 'order.placed',
        appId: 'shop',
        timestamp: Date.UTC(2026, 0, 2, 3, 4, 5) / 1000,
        deliveryMode: 2,
        headers: { ...message.headers, 'turnpike-key': 'Zoë' },
      });
    });

    it('10,000 messages over 100 keys arrive through the relay, in order per key', { timeout: 120_000 }, async () => {
      const url = await broker('rabbitmq');
      const queue = `test.${randomUUID()}`;
      const { attempts } = await relayThrough(new ClientProxyPublisher(clientOf(await rmq(url, queue))));
      expect(attempts).toHaveLength(MESSAGES);

      const connection = await amqplib.connect(url);
      const channel = await connection.createChannel();
      const arrived: Arrived[] = [];
      for (let next = await channel.get(queue, { noAck: true }); next;) {
        const { messageId, headers } = next.properties;
        const { data } = JSON.parse(next.content.toString()) as { data: Arrived['payload'] };
        arrived.push({ id: String(messageId), key: String(headers?.['turnpike-key']), payload: data });
        next = await channel.get(queue, { noAck: true });
      }
      await connection.close();
      expect(checkArrivals(arrived)).toEqual({ repeated: 0 });
    });

    it('says that it is unavailable while the broker is away, without the credentials of its URL', async () => {
      const proxy = await TcpProxy.before(await broker('rabbitmq'));
      await proxy.close();
      const client = clientOf({
        transport: Transport.RMQ,
        options: { urls: [`amqp://guest:s3cret@127.0.0.1:${proxy.port}`], queue: 'none' },
      });
      const failure = await new ClientProxyPublisher(client)
        .publish([message], context)
        .catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(PublisherUnavailableError);
      expect(String(failure)).toContain('ECONNREFUSED');
      expect(String(failure)).not.toContain('s3cret');
    });
  });

  it('by NATS, a handler gets the payload, and the headers have the rest', async () => {
    const servers = [new URL(await broker('nats')).host];
    const client = await connect({ transport: Transport.NATS, options: { servers } });
    expect(await published(client, { cloudEvents: { mode: 'binary' } })).toEqual({ orderId: 'o-1' });
    const [{ context: arrival } = {}] = handled;
    const headers = (arrival as NatsContext).getHeaders() as { get(name: string): string };
    expect(headers.get('turnpike-id')).toBe('m-1');
    expect(headers.get('turnpike-key')).toBe('Zo%C3%AB');
    expect(headers.get('traceparent')).toBe(message.headers['traceparent']);
    expect(headers.get('ce-partitionkey')).toBe('Zo%C3%AB');
  });
});
