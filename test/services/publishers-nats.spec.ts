import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DiscardPolicy, jetstreamManager, type JetStreamManager, type StoredMsg } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { NonRetryableError, PublisherUnavailableError } from 'nestjs-turnpike/outbox';
import { NatsPublisher, type NatsPublisherOptions } from 'nestjs-turnpike/outbox/nats';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { broker } from '../support/brokers.js';
import { outgoing } from '../support/outgoing-message.js';
import { PrivateServer } from '../support/private-server.js';
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

describe('NatsPublisher', () => {
  let url: string;
  let connection: NatsConnection;
  let streams: JetStreamManager;
  /** The name of the stream, and the beginning of its subjects. */
  let name: string;

  beforeAll(async () => {
    url = await broker('nats');
    connection = await connect({ servers: new URL(url).host });
    streams = await jetstreamManager(connection);
  });
  afterAll(() => connection.close());
  beforeEach(async () => {
    name = `test-${randomUUID()}`;
    await streams.streams.add({ name, subjects: [`${name}.order.*`], max_msg_size: 1000 });
    onTestFinished(async () => {
      await streams.streams.delete(name);
    });
  });

  const make = (options: Partial<NatsPublisherOptions> = {}): NatsPublisher => {
    const publisher = new NatsPublisher({ url, subject: ({ topic }) => `${name}.${topic}`, ...options });
    onTestFinished(() => publisher.close());
    return publisher;
  };
  const stored = async (seq = 1): Promise<StoredMsg> => {
    const message = await streams.streams.getMessage(name, { seq });
    if (!message) throw new Error(`The stream has no message ${seq}.`);
    return message;
  };
  const arrivedAt = async (manager: JetStreamManager): Promise<Arrived[]> => {
    const { state } = await manager.streams.info(name);
    const consumer = await manager.jetstream().consumers.get(name);
    const arrived: Arrived[] = [];
    if (state.messages === 0) return arrived;
    for await (const message of await consumer.consume()) {
      const { headers } = message;
      const id = headers?.get('Nats-Msg-Id') ?? '';
      arrived.push({ id, key: headers?.get('turnpike-key'), payload: message.json() });
      if (arrived.length === state.messages) break;
    }
    return arrived;
  };

  describe('puts a message into the fields that NATS has', () => {
    const message = outgoing({
      id: 'm-1',
      key: 'customer 7, "Zoë"',
      namespace: 'shop',
      headers: {
        tenant: 'a b',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        tracestate: 'x=1',
      },
    });
    const headersOf = ({ header }: StoredMsg): Record<string, string> =>
      Object.fromEntries([...header].map(([key, [value = '']]) => [key, value]));

    it('its id, topic, namespace, key, content type and headers', async () => {
      await make().publish([message], context);
      const arrived = await stored();
      expect(arrived.subject).toBe(`${name}.order.placed`);
      expect(headersOf(arrived)).toEqual({
        'Nats-Msg-Id': 'm-1',
        'Content-Type': 'application/json',
        'turnpike-topic': 'order.placed',
        'turnpike-namespace': 'shop',
        'turnpike-key': 'customer%207,%20%22Zo%C3%AB%22',
        tenant: 'a b',
        traceparent: message.headers['traceparent'],
        tracestate: 'x=1',
      });
      expect(arrived.string()).toBe('{"orderId":"o-1"}');
    });

    it('as a CloudEvent in binary mode', async () => {
      await make({ cloudEvents: { mode: 'binary', source: 'https://shop.example' } }).publish([message], context);
      const arrived = await stored();
      expect(headersOf(arrived)).toMatchObject({
        'ce-specversion': '1.0',
        'ce-id': 'm-1',
        'ce-source': 'https://shop.example',
        'ce-type': 'order.placed',
        'ce-time': '2026-01-02T03:04:05.678Z',
        'ce-datacontenttype': 'application/json',
        'ce-partitionkey': 'customer%207,%20%22Zo%C3%AB%22',
        'ce-traceparent': message.headers['traceparent'],
      });
      expect(arrived.string()).toBe('{"orderId":"o-1"}');
    });

    it('as a CloudEvent in structured mode', async () => {
      await make({ cloudEvents: { mode: 'structured' } }).publish([message], context);
      const arrived = await stored();
      expect(headersOf(arrived)).toMatchObject({ 'Content-Type': 'application/cloudevents+json; charset=UTF-8' });
      expect(arrived.json()).toMatchObject({ id: 'm-1', source: '/shop', data: { orderId: 'o-1' } });
    });
  });

  describe('through the relay', { timeout: 120_000 }, () => {
    it('10,000 messages over 100 keys arrive, in order per key', async () => {
      const { attempts } = await relayThrough(make(), { topic: 'order.placed' });
      expect(checkArrivals(await arrivedAt(streams))).toEqual({ repeated: 0 });
      expect(attempts).toHaveLength(MESSAGES);
    });

    it('what is delivered again is stored once', async () => {
      const { attempts } = await relayThrough(forgetful(make()), { topic: 'order.placed' });
      expect(checkArrivals(await arrivedAt(streams))).toEqual({ repeated: 0 });
      expect(attempts.length).toBeGreaterThanOrEqual(MESSAGES + FORGOTTEN);
    });

    it('what the stream does not take becomes a dead letter, alone and at once, with the reason', async () => {
      const dead = await deadLettersOf(make(), [
        { id: 'a', topic: 'order.placed', key: 'a', payload: { n: 1 } },
        { id: 'b', topic: 'order.placed', key: 'b', payload: 'x'.repeat(1000) },
        { id: 'c', topic: 'order.placed', key: 'c', payload: { n: 3 } },
      ]);
      expect(dead).toEqual([{ id: 'b', reason: expect.stringContaining('size exceeds maximum'), attempts: 1 }]);
      expect((await arrivedAt(streams)).map(({ id }) => id).toSorted()).toEqual(['a', 'c']);
    });

    it('nothing is lost, out of order or blamed when the server stops and starts', async () => {
      const server = await PrivateServer.start('nats');
      onTestFinished(() => server.close());
      const servers = `127.0.0.1:${server.port}`;
      const before = await connect({ servers });
      const { streams } = await jetstreamManager(before);
      await streams.add({ name, subjects: [`${name}.order.*`] });
      await before.close();

      const { attempts } = await relayThrough(make({ url: `nats://${servers}` }), {
        topic: 'order.placed',
        middle: async () => {
          await server.stop();
          await sleep(2000);
          await server.start();
        },
      });
      const after = await connect({ servers });
      onTestFinished(() => after.close());
      expect(checkArrivals(await arrivedAt(await jetstreamManager(after)))).toEqual({ repeated: 0 });
      expect(attempts.length).toBeGreaterThan(MESSAGES);
      expect(attempts.filter(({ attempt }) => attempt !== 1)).toHaveLength(0);
    });
  });

  describe('refuses alone what the server refuses, with its reason', () => {
    const [one, two] = [outgoing({ key: 'a' }), outgoing({ key: 'b' })];
    const others = async (): Promise<string[]> => (await arrivedAt(streams)).map(({ id }) => id);

    it.each([
      ['a subject that no stream has', outgoing({ topic: 'unknown' }), /No stream has the subject ".*\.unknown"/],
      ['more than the stream takes', outgoing({ payload: 'x'.repeat(1000) }), /message size exceeds maximum allowed/],
      ['more than the server takes', outgoing({ payload: 'x'.repeat(2 ** 21) }), /max_payload size exceeded/],
      ['a wildcard for a subject', outgoing({ topic: 'order.*' }), /not a subject that one can publish to/],
      ['white space in the subject', outgoing({ topic: 'order.placed 5' }), /not a subject that one can publish to/],
      ['a header that cannot be', outgoing({ headers: { 'a:b': 'c' } }), /is not a valid character in a header name/],
    ])('%s', async (_what, refused, reason) => {
      const [first, error, last] = await errorsOf(make().publish([one, refused, two], context));
      expect(error).toBeInstanceOf(NonRetryableError);
      expect(error?.message).toMatch(reason);
      expect([first, last]).toEqual([undefined, undefined]);
      expect(await others()).toEqual([one.id, two.id]);
    });
  });

  it('tries again what no stream has, where streams come later', async () => {
    const publisher = make({ unroutable: 'retry' });
    const [refused] = await errorsOf(publisher.publish([outgoing({ topic: 'unknown' })], context));
    expect(refused).not.toBeInstanceOf(NonRetryableError);
  });

  it('a full stream is no reason to give a message up', async () => {
    await streams.streams.update(name, { max_msgs: 1, discard: DiscardPolicy.New });
    const publisher = make();
    await publisher.publish([outgoing()], context);
    const [refused] = await errorsOf(publisher.publish([outgoing()], context));
    expect(refused?.message).toContain('maximum messages exceeded');
    expect(refused).not.toBeInstanceOf(NonRetryableError);
  });

  it('is unavailable while there is no JetStream', async () => {
    const server = await PrivateServer.start('natsWithoutJetStream');
    onTestFinished(() => server.close());
    await expect(
      make({ url: `nats://127.0.0.1:${server.port}` }).publish([outgoing()], context),
    ).rejects.toBeInstanceOf(PublisherUnavailableError);
  });

  it('goes on over a new connection after it was lost', async () => {
    const proxy = await TcpProxy.before(url);
    onTestFinished(() => proxy.close());
    const publisher = make({ url: proxy.through(url) });
    await publisher.publish([outgoing()], context);
    await proxy.cut();
    await expect(publisher.publish([outgoing()], context)).rejects.toBeInstanceOf(PublisherUnavailableError);
    await proxy.reopen();
    await publisher.publish([outgoing()], context);
    expect(await arrivedAt(streams)).toHaveLength(2);
  });

  it('takes a connection that says nothing any more for lost', async () => {
    const proxy = await TcpProxy.before(url);
    onTestFinished(() => proxy.close());
    const publisher = make({ url: proxy.through(url), clientOptions: { pingInterval: 50, maxPingOut: 1 } });
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
