import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import amqplib, { type Channel, type ChannelModel, type ConsumeMessage } from 'amqplib';
import { NonRetryableError, PublisherUnavailableError, type Publisher } from 'nestjs-turnpike/outbox';
import { RabbitMqPublisher, type RabbitMqPublisherOptions } from 'nestjs-turnpike/outbox/rabbitmq';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { broker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { outgoing } from '../support/outgoing-message.js';
import { errorsOf } from '../support/publish-errors.js';
import {
  checkArrivals,
  deadLettersOf,
  forgetful,
  FORGOTTEN,
  MESSAGES,
  relayThrough,
  type Arrived,
} from '../support/relay-through.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const context = { namespace: 'default', signal: new AbortController().signal };

describe('RabbitMqPublisher', () => {
  let url: string;
  let connection: ChannelModel;
  let channel: Channel;
  let exchange: string;
  let queue: string;

  beforeAll(async () => {
    url = await broker('rabbitmq');
    connection = await amqplib.connect(url);
  });
  afterAll(() => connection.close());
  beforeEach(async () => {
    channel = await connection.createChannel();
    exchange = `test.${randomUUID()}`;
    queue = `${exchange}.orders`;
    await channel.assertExchange(exchange, 'topic');
    await channel.assertQueue(queue);
    await channel.bindQueue(queue, exchange, 'order.*');
    onTestFinished(async () => {
      await channel.deleteQueue(queue);
      await channel.deleteExchange(exchange);
      await channel.close();
    });
  });

  const make = (options: Partial<RabbitMqPublisherOptions> = {}): RabbitMqPublisher => {
    const publisher = new RabbitMqPublisher({ url, exchange, ...options });
    onTestFinished(() => publisher.close());
    return publisher;
  };
  const take = async (): Promise<ConsumeMessage> => {
    const message = await channel.get(queue, { noAck: true });
    if (!message) throw new Error('The queue is empty.');
    return message as unknown as ConsumeMessage;
  };
  const takeAll = async (): Promise<Arrived[]> => {
    const arrived: Arrived[] = [];
    for (let message = await channel.get(queue, { noAck: true }); message;) {
      const { messageId, headers } = message.properties;
      const payload = JSON.parse(message.content.toString()) as Arrived['payload'];
      arrived.push({ id: String(messageId), key: String(headers?.['turnpike-key']), payload });
      message = await channel.get(queue, { noAck: true });
    }
    return arrived;
  };
  describe('puts a message into the fields that AMQP has', () => {
    const message = outgoing({
      id: 'm-1',
      key: 'customer-7',
      namespace: 'shop',
      headers: {
        tenant: 'a',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        tracestate: 'x=1',
      },
    });

    it('its id, topic, namespace, key, content type, time and headers', async () => {
      await make().publish([message], context);
      const { fields, properties, content } = await take();
      expect(fields).toMatchObject({ exchange, routingKey: 'order.placed' });
      expect(properties).toMatchObject({
        messageId: 'm-1',
        type: 'order.placed',
        appId: 'shop',
        contentType: 'application/json',
        timestamp: Date.UTC(2026, 0, 2, 3, 4, 5) / 1000,
        deliveryMode: 2,
        headers: {
          'turnpike-key': 'customer-7',
          tenant: 'a',
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          tracestate: 'x=1',
        },
      });
      expect(content.toString()).toBe('{"orderId":"o-1"}');
    });

    it('as a CloudEvent in binary mode', async () => {
      await make({ cloudEvents: { mode: 'binary', source: 'https://shop.example' } }).publish([message], context);
      const { properties, content } = await take();
      expect(properties.contentType).toBe('application/json');
      expect(properties.headers).toMatchObject({
        cloudEvents_specversion: '1.0',
        cloudEvents_id: 'm-1',
        cloudEvents_source: 'https://shop.example',
        cloudEvents_type: 'order.placed',
        cloudEvents_time: '2026-01-02T03:04:05.678Z',
        cloudEvents_partitionkey: 'customer-7',
        cloudEvents_traceparent: message.headers['traceparent'],
      });
      expect(content.toString()).toBe('{"orderId":"o-1"}');
    });

    it('as a CloudEvent in structured mode', async () => {
      await make({ cloudEvents: { mode: 'structured' } }).publish([message], context);
      const { properties, content } = await take();
      expect(properties.contentType).toBe('application/cloudevents+json; charset=UTF-8');
      expect(JSON.parse(content.toString())).toMatchObject({ id: 'm-1', source: '/shop', data: { orderId: 'o-1' } });
    });
  });

  describe('through the relay', { timeout: 120_000 }, () => {
    it('10,000 messages over 100 keys arrive, in order per key', async () => {
      const { attempts } = await relayThrough(make({ routingKey: () => 'order.placed' }));
      expect(checkArrivals(await takeAll())).toEqual({ repeated: 0 });
      expect(attempts).toHaveLength(MESSAGES);
    });

    it('what is delivered again has the id it had', async () => {
      await relayThrough(forgetful(make({ routingKey: () => 'order.placed' })));
      expect(checkArrivals(await takeAll()).repeated).toBeGreaterThanOrEqual(FORGOTTEN);
    });

    it('what no queue takes becomes a dead letter, alone and at once, with the reason', async () => {
      const dead = await deadLettersOf(make(), [
        { id: 'a', topic: 'order.placed', key: 'a', payload: { n: 1 } },
        { id: 'b', topic: 'unknown', key: 'b', payload: { n: 2 } },
        { id: 'c', topic: 'order.placed', key: 'c', payload: { n: 3 } },
      ]);
      expect(dead).toEqual([{ id: 'b', reason: expect.stringContaining('312 NO_ROUTE'), attempts: 1 }]);
      expect((await takeAll()).map(({ id }) => id).toSorted()).toEqual(['a', 'c']);
    });

    it('nothing is lost, out of order or blamed when the broker goes away and comes back', async () => {
      const proxy = await TcpProxy.before(url);
      onTestFinished(() => proxy.close());
      const publisher = make({ url: proxy.through(url), routingKey: () => 'order.placed' });
      const { attempts } = await relayThrough(publisher, {
        middle: async () => {
          await proxy.cut();
          await sleep(2000);
          await proxy.reopen();
        },
      });
      checkArrivals(await takeAll());
      expect(attempts.length).toBeGreaterThan(MESSAGES);
      expect(attempts.filter(({ attempt }) => attempt !== 1)).toHaveLength(0);
    });
  });

  describe('refuses alone what the broker refuses, with its reason', () => {
    const one = outgoing({ key: 'a' });
    const two = outgoing({ key: 'b' });

    it('a message that no queue takes', async () => {
      const [first, refused, last] = await errorsOf(
        make().publish([one, outgoing({ topic: 'unknown' }), two], context),
      );
      expect(refused).toBeInstanceOf(NonRetryableError);
      expect(refused?.message).toContain('312 NO_ROUTE');
      expect([first, last]).toEqual([undefined, undefined]);
      expect((await takeAll()).map(({ id }) => id)).toEqual([one.id, two.id]);
    });

    it('of two with the same id, the one that no queue takes', async () => {
      const [first, refused] = await errorsOf(make().publish([one, { ...one, topic: 'unknown' }], context));
      expect(first).toBeUndefined();
      expect(refused).toBeInstanceOf(NonRetryableError);
    });

    it('a message that is larger than the broker takes', async () => {
      const large = outgoing({ payload: new Uint8Array(134_217_729) });
      const [first, refused, last] = await errorsOf(make().publish([one, large, two], context));
      expect(refused).toBeInstanceOf(NonRetryableError);
      expect(refused?.message).toMatch(/PRECONDITION_FAILED.*larger than/);
      expect([first, last]).toEqual([undefined, undefined]);
      expect(new Set((await takeAll()).map(({ id }) => id))).toEqual(new Set([one.id, two.id]));
    });

    it('a message for an exchange that does not exist', async () => {
      const publisher = make({ exchange: ({ id }) => (id === 'lost' ? 'no-such-exchange' : exchange) });
      const [first, refused, last] = await errorsOf(publisher.publish([one, outgoing({ id: 'lost' }), two], context));
      expect(refused).toBeInstanceOf(NonRetryableError);
      expect(refused?.message).toContain("no exchange 'no-such-exchange'");
      expect([first, last]).toEqual([undefined, undefined]);
    });

    it('a message that does not fit into the protocol', async () => {
      const unfit = outgoing({ id: 'x'.repeat(256) });
      const [first, refused] = await errorsOf(make().publish([one, unfit], context));
      expect(first).toBeUndefined();
      expect(refused).toBeInstanceOf(NonRetryableError);
    });
  });

  it('tries again what no queue takes, where bindings come later', async () => {
    const publisher = make({ unroutable: 'retry' });
    const [refused] = await errorsOf(publisher.publish([outgoing({ topic: 'unknown' })], context));
    expect(refused).not.toBeInstanceOf(NonRetryableError);
    await channel.bindQueue(queue, exchange, 'unknown');
    await publisher.publish([outgoing({ topic: 'unknown' })], context);
  });

  it('a full queue is no reason to give a message up', async () => {
    const full = `${queue}.full`;
    await channel.assertQueue(full, { arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } });
    onTestFinished(async () => {
      await channel.deleteQueue(full);
    });
    const publisher = make({ exchange: '', routingKey: () => full });
    await publisher.publish([outgoing()], context);
    const [nacked] = await errorsOf(publisher.publish([outgoing()], context));
    expect(nacked?.message).toContain('basic.nack');
    expect(nacked).not.toBeInstanceOf(NonRetryableError);
  });

  it('goes on over a new connection after it was lost', async () => {
    const proxy = await TcpProxy.before(url);
    onTestFinished(() => proxy.close());
    const publisher: Publisher = make({ url: proxy.through(url) });
    await publisher.publish([outgoing()], context);
    await proxy.cut();
    await expect(publisher.publish([outgoing()], context)).rejects.toBeInstanceOf(PublisherUnavailableError);
    await proxy.reopen();
    await publisher.publish([outgoing()], context);
    await eventually(async () => expect(await takeAll()).toHaveLength(2));
  });

  it('a call that is given up says so of what has no confirm, and of nothing else', async () => {
    const publisher = make();
    await publisher.publish([outgoing()], context);
    const aborted = { ...context, signal: AbortSignal.abort(new Error('too late')) };
    await expect(publisher.publish([outgoing()], aborted)).rejects.toThrow('given up');
  });

  it('takes a connection that says nothing any more for lost', async () => {
    const proxy = await TcpProxy.before(url);
    onTestFinished(() => proxy.close());
    const publisher = make({ url: `${proxy.through(url)}?heartbeat=1` });
    await publisher.publish([outgoing()], context);
    proxy.stall();
    const failed = publisher.publish([outgoing()], context);
    await expect(failed).rejects.toBeInstanceOf(PublisherUnavailableError);
    await expect(failed).rejects.toThrow('was lost');
  });

  it('is unavailable once it is closed', async () => {
    const publisher = make();
    await publisher.publish([outgoing()], context);
    await publisher.close();
    await expect(publisher.publish([outgoing()], context)).rejects.toBeInstanceOf(PublisherUnavailableError);
  });
});
