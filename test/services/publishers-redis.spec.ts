import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { NonRetryableError, PublisherUnavailableError } from 'nestjs-turnpike/outbox';
import { RedisPublisher, type RedisPublisherOptions } from 'nestjs-turnpike/outbox/redis';
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

describe('RedisPublisher', () => {
  let url: string;
  let redis: Redis;
  let stream: string;

  beforeAll(async () => {
    url = await broker('redis');
    redis = new Redis(url);
  });
  afterAll(() => redis.disconnect());
  beforeEach(() => {
    stream = `test:${randomUUID()}`;
    onTestFinished(async () => {
      await redis.del(stream);
    });
  });

  const make = (options: Partial<RedisPublisherOptions> = {}): RedisPublisher => {
    const publisher = new RedisPublisher({ url, stream, ...options });
    onTestFinished(() => publisher.close());
    return publisher;
  };
  const entriesOf = async (of: Redis): Promise<Record<string, string>[]> =>
    (await of.xrange(stream, '-', '+')).map(([, fields]) =>
      Object.fromEntries(fields.flatMap((field, index) => (index % 2 ? [] : [[field, fields[index + 1] ?? '']]))),
    );
  const arrivedAt = async (of: Redis): Promise<Arrived[]> =>
    (await entriesOf(of)).map(({ id = '', key, body = '' }) => ({
      id,
      key,
      payload: JSON.parse(body) as Arrived['payload'],
    }));
  const ownServer = async (settings: readonly string[] = []): Promise<{ server: PrivateServer; client: Redis }> => {
    const server = await PrivateServer.start('redis', settings);
    const client = new Redis(server.port);
    client.on('error', () => undefined); // the server is stopped on purpose
    onTestFinished(async () => {
      client.disconnect();
      await server.close();
    });
    return { server, client };
  };

  describe('puts a message into fields of a stream entry', () => {
    const message = outgoing({
      id: 'm-1',
      key: 'customer-7',
      namespace: 'shop',
      headers: { tenant: 'a', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    });

    it('its id, topic, namespace, key, content type, time and headers', async () => {
      await make().publish([message], context);
      expect(await entriesOf(redis)).toEqual([
        {
          id: 'm-1',
          topic: 'order.placed',
          namespace: 'shop',
          key: 'customer-7',
          contentType: 'application/json',
          createdAtMs: String(message.createdAtMs),
          body: '{"orderId":"o-1"}',
          'header:tenant': 'a',
          'header:traceparent': message.headers['traceparent'],
        },
      ]);
    });

    it('bytes as they are', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      await make().publish([outgoing({ payload: bytes.subarray(100) })], context);
      const [[, fields] = []] = await redis.xrangeBuffer(stream, '-', '+');
      expect(
        new Uint8Array(fields?.[fields.findIndex((field) => field.equals(Buffer.from('body'))) + 1] ?? []),
      ).toEqual(bytes.slice(100));
    });

    it('as a CloudEvent in binary mode', async () => {
      await make({ cloudEvents: { mode: 'binary', source: 'https://shop.example' } }).publish([message], context);
      expect((await entriesOf(redis))[0]).toMatchObject({
        ce_specversion: '1.0',
        ce_id: 'm-1',
        ce_source: 'https://shop.example',
        ce_type: 'order.placed',
        ce_time: '2026-01-02T03:04:05.678Z',
        ce_partitionkey: 'customer-7',
        ce_traceparent: message.headers['traceparent'],
        body: '{"orderId":"o-1"}',
      });
    });

    it('as a CloudEvent in structured mode', async () => {
      await make({ cloudEvents: { mode: 'structured' } }).publish([message], context);
      const [{ contentType, body = '' } = {}] = await entriesOf(redis);
      expect(contentType).toBe('application/cloudevents+json; charset=UTF-8');
      expect(JSON.parse(body)).toMatchObject({ id: 'm-1', source: '/shop', data: { orderId: 'o-1' } });
    });
  });

  describe('through the relay', { timeout: 120_000 }, () => {
    it('10,000 messages over 100 keys arrive, in order per key', async () => {
      const { attempts } = await relayThrough(make());
      expect(checkArrivals(await arrivedAt(redis))).toEqual({ repeated: 0 });
      expect(attempts).toHaveLength(MESSAGES);
    });

    it('what is delivered again has the id it had', async () => {
      await relayThrough(forgetful(make()));
      expect(checkArrivals(await arrivedAt(redis)).repeated).toBeGreaterThanOrEqual(FORGOTTEN);
    });

    it('what Redis does not take becomes a dead letter, alone and at once, with the reason', async () => {
      await redis.set(`${stream}:text`, 'x', 'EX', 60);
      const publisher = make({ stream: ({ topic }) => (topic === 'text' ? `${stream}:text` : stream) });
      const dead = await deadLettersOf(publisher, [
        { id: 'a', topic: 'order.placed', key: 'a', payload: { n: 1 } },
        { id: 'b', topic: 'text', key: 'b', payload: { n: 2 } },
        { id: 'c', topic: 'order.placed', key: 'c', payload: { n: 3 } },
      ]);
      expect(dead).toEqual([{ id: 'b', reason: expect.stringContaining('WRONGTYPE'), attempts: 1 }]);
      expect((await arrivedAt(redis)).map(({ id }) => id).toSorted()).toEqual(['a', 'c']);
    });

    it('nothing is lost, out of order or blamed when the server stops and starts', async () => {
      const { server, client } = await ownServer();
      const { attempts } = await relayThrough(make({ url: `redis://127.0.0.1:${server.port}` }), {
        middle: async () => {
          await server.stop();
          await sleep(2000);
          await server.start();
        },
      });
      checkArrivals(await arrivedAt(client));
      expect(attempts.length).toBeGreaterThan(MESSAGES);
      expect(attempts.filter(({ attempt }) => attempt !== 1)).toHaveLength(0);
    });
  });

  describe('refuses alone what Redis refuses, with its reason', () => {
    const [one, two] = [outgoing({ key: 'a' }), outgoing({ key: 'b' })];

    it('an entry for what is no stream', async () => {
      const text = `${stream}:text`;
      await redis.set(text, 'x');
      onTestFinished(async () => {
        await redis.del(text);
      });
      const publisher = make({ stream: ({ topic }) => (topic === 'text' ? text : stream) });
      const [first, refused, last] = await errorsOf(
        publisher.publish([one, outgoing({ topic: 'text' }), two], context),
      );
      expect(refused).toBeInstanceOf(NonRetryableError);
      expect(refused?.message).toContain('WRONGTYPE');
      expect([first, last]).toEqual([undefined, undefined]);
      expect((await arrivedAt(redis)).map(({ id }) => id)).toEqual([one.id, two.id]);
    });

    it('an entry that is larger than the server takes', async () => {
      const { server, client } = await ownServer(['--proto-max-bulk-len', '1mb']);
      const publisher = make({ url: `redis://127.0.0.1:${server.port}` });
      const large = outgoing({ payload: new Uint8Array(1_048_577) });
      const [first, refused, last] = await errorsOf(publisher.publish([one, large, two], context));
      expect(refused).toBeInstanceOf(NonRetryableError);
      expect(refused?.message).toContain('1048577 bytes are more than its proto-max-bulk-len, which is 1048576');
      expect([first, last]).toEqual([undefined, undefined]);
      await publisher.publish([outgoing({ payload: 'x'.repeat(1_048_574) })], context);
      expect((await arrivedAt(client)).map(({ id }) => id)).toHaveLength(3);
    });
  });

  it('is unavailable while the server has no memory left: no message is to blame', async () => {
    const { server, client } = await ownServer();
    const publisher = make({ url: `redis://127.0.0.1:${server.port}` });
    await publisher.publish([outgoing()], context);
    await client.config('SET', 'maxmemory', '1');
    const failed = publisher.publish([outgoing()], context);
    await expect(failed).rejects.toBeInstanceOf(PublisherUnavailableError);
    await expect(failed).rejects.toThrow('OOM');
  });

  it('connects anew when its server has become a replica: the address may lead to the new master now', async () => {
    const [former, next] = [await ownServer(), await ownServer()];
    const proxy = await TcpProxy.before(`redis://127.0.0.1:${former.server.port}`);
    onTestFinished(() => proxy.close());
    const publisher = make({ url: `redis://127.0.0.1:${proxy.port}` });
    await publisher.publish([outgoing()], context);
    await former.client.replicaof('127.0.0.1', 1);
    proxy.leadTo(`redis://127.0.0.1:${next.server.port}`);
    const failed = publisher.publish([outgoing()], context);
    await expect(failed).rejects.toBeInstanceOf(PublisherUnavailableError);
    await expect(failed).rejects.toThrow('READONLY');
    await publisher.publish([outgoing()], context);
    expect(await next.client.xlen(stream)).toBe(1);
  });

  it('trims the stream to about its greatest length', async () => {
    const publisher = make({ maxLength: 100 });
    for (let count = 0; count < 10; count++) {
      await publisher.publish(
        Array.from({ length: 100 }, () => outgoing()),
        context,
      );
    }
    // Redis trims by whole nodes, of 100 entries each.
    expect(await redis.xlen(stream)).toBeLessThanOrEqual(200);
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
    expect(await redis.xlen(stream)).toBe(2);
  });

  it('takes a connection that says nothing any more for lost', async () => {
    const proxy = await TcpProxy.before(url);
    onTestFinished(() => proxy.close());
    const publisher = make({ url: proxy.through(url), clientOptions: { socketTimeout: 200 } });
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
