import { setTimeout as sleep } from 'node:timers/promises';
import { NonRetryableError, PublisherUnavailableError } from 'nestjs-turnpike/outbox';
import { KafkaPublisher, type KafkaPublisherOptions } from 'nestjs-turnpike/outbox/kafka';
import { describe, expect, it, onTestFinished } from 'vitest';
import { KafkaBroker, type StoredRecord } from '../support/kafka-broker.js';
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

const context = { namespace: 'default', signal: new AbortController().signal };
const TOPIC = 'order.placed';

async function start(options: { partitions?: number; maxBytes?: number } = {}): Promise<KafkaBroker> {
  const broker = await KafkaBroker.start([TOPIC], options);
  onTestFinished(() => broker.stop());
  return broker;
}

function make(url: string, options: Partial<KafkaPublisherOptions> = {}): KafkaPublisher {
  const publisher = new KafkaPublisher({ url, ...options });
  onTestFinished(() => publisher.close());
  return publisher;
}

function arrived({ headers, key, value }: StoredRecord): Arrived {
  return { id: headers['turnpike-id'] ?? '', key, payload: JSON.parse(value.toString()) as Arrived['payload'] };
}

function idsAt(broker: KafkaBroker): (string | undefined)[] {
  return (broker.topics.get(TOPIC) ?? []).map(({ headers }) => headers['turnpike-id']);
}

// There is no Kafka here: a broker of our own speaks its protocol, and numbers records as Kafka does.
describe('KafkaPublisher, against a broker of the tests', () => {
  describe('puts a message into the fields that Kafka has', () => {
    const message = outgoing({
      id: 'm-1',
      key: 'customer-7',
      namespace: 'shop',
      headers: { tenant: 'a', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    });

    it('its id, topic, namespace, key, content type, time and headers', async () => {
      const { url, topics } = await start();
      await make(url).publish([message], context);
      expect(topics.get(TOPIC)).toEqual([
        {
          partition: expect.any(Number),
          key: 'customer-7',
          value: Buffer.from('{"orderId":"o-1"}'),
          timestampMs: message.createdAtMs,
          headers: {
            'turnpike-id': 'm-1',
            'turnpike-topic': TOPIC,
            'turnpike-namespace': 'shop',
            'content-type': 'application/json',
            ...message.headers,
          },
        },
      ]);
    });

    it('as a CloudEvent in binary mode', async () => {
      const { url, topics } = await start();
      await make(url, { cloudEvents: { mode: 'binary', source: 'https://shop.example' } }).publish([message], context);
      expect(topics.get(TOPIC)?.[0]?.headers).toMatchObject({
        ce_specversion: '1.0',
        ce_id: 'm-1',
        ce_source: 'https://shop.example',
        ce_type: 'order.placed',
        ce_time: '2026-01-02T03:04:05.678Z',
        ce_partitionkey: 'customer-7',
        'content-type': 'application/json',
      });
    });

    it('as a CloudEvent in structured mode', async () => {
      const { url, topics } = await start();
      await make(url, { cloudEvents: { mode: 'structured' } }).publish([message], context);
      const [record] = topics.get(TOPIC) ?? [];
      expect(record?.headers['content-type']).toBe('application/cloudevents+json; charset=UTF-8');
      expect(JSON.parse(String(record?.value))).toMatchObject({ id: 'm-1', source: '/shop', data: { orderId: 'o-1' } });
    });
  });

  describe('through the relay', { timeout: 120_000 }, () => {
    it('10,000 messages over 100 keys arrive, in order per key, a key in one partition', async () => {
      const { url, topics } = await start();
      const { attempts } = await relayThrough(make(url), { topic: TOPIC });
      const records = topics.get(TOPIC) ?? [];
      expect(checkArrivals(records.map(arrived))).toEqual({ repeated: 0 });
      expect(new Set(records.map(({ key, partition }) => `${key} ${partition}`)).size).toBe(100);
      expect(new Set(records.map(({ partition }) => partition)).size).toBe(4);
      expect(attempts).toHaveLength(MESSAGES);
    });

    it('what is delivered again has the id it had', async () => {
      const { url, topics } = await start();
      await relayThrough(forgetful(make(url)), { topic: TOPIC });
      expect(checkArrivals((topics.get(TOPIC) ?? []).map(arrived)).repeated).toBeGreaterThanOrEqual(FORGOTTEN);
    });

    it('what the broker does not take becomes a dead letter, alone and at once, with the reason', async () => {
      const broker = await start({ maxBytes: 2000 });
      const dead = await deadLettersOf(make(broker.url), [
        { id: 'a', topic: TOPIC, key: 'a', payload: { n: 1 } },
        { id: 'b', topic: TOPIC, key: 'b', payload: 'x'.repeat(2000) },
        { id: 'c', topic: TOPIC, key: 'c', payload: { n: 3 } },
      ]);
      expect(dead).toEqual([{ id: 'b', reason: expect.stringContaining('MESSAGE_TOO_LARGE'), attempts: 1 }]);
      expect(new Set(idsAt(broker))).toEqual(new Set(['a', 'c']));
    });

    it('nothing is lost, out of order or blamed when the broker stops and starts', async () => {
      const broker = await start();
      const { attempts } = await relayThrough(make(broker.url), {
        topic: TOPIC,
        middle: async () => {
          await broker.stop();
          await sleep(2000);
          await broker.start();
        },
      });
      checkArrivals((broker.topics.get(TOPIC) ?? []).map(arrived));
      expect(attempts.length).toBeGreaterThan(MESSAGES);
      expect(attempts.filter(({ attempt }) => attempt !== 1)).toHaveLength(0);
    });
  });

  it('sends a call as one request, and calls one after the other: Kafka would drop what overlaps as repetitions', async () => {
    const broker = await start({ partitions: 1 });
    const publisher = make(broker.url);
    const calls = Array.from({ length: 10 }, (_, call) =>
      Array.from({ length: 20 }, (_, index) => outgoing({ id: `${call}-${index}`, key: 'k' })),
    );
    await Promise.all(calls.map((messages) => publisher.publish(messages, context)));
    expect(broker.requests).toEqual(calls.map(() => 20));
    expect(idsAt(broker)).toEqual(calls.flat().map(({ id }) => id));
  });

  describe('refuses alone what the broker refuses, with its reason', () => {
    const [one, two] = [outgoing({ key: 'a' }), outgoing({ key: 'b' })];

    it('a record that is larger than the topic takes', async () => {
      const broker = await start({ partitions: 1, maxBytes: 2000 });
      const large = outgoing({ key: 'c', payload: 'x'.repeat(2000) });
      const [first, refused, last] = await errorsOf(make(broker.url).publish([one, large, two], context));
      expect(refused).toBeInstanceOf(NonRetryableError);
      expect(refused?.message).toContain('MESSAGE_TOO_LARGE');
      expect([first, last]).toEqual([undefined, undefined]);
      expect(idsAt(broker)).toEqual([one.id, two.id]);
    });

    it('a topic that cannot be', async () => {
      const broker = await start();
      const [first, refused, last] = await errorsOf(
        make(broker.url).publish([one, outgoing({ topic: 'a b' }), two], context),
      );
      expect(refused).toBeInstanceOf(NonRetryableError);
      expect([first, last]).toEqual([undefined, undefined]);
    });

    it('and no later message of its key arrives, as it is ordered', async () => {
      const broker = await start({ maxBytes: 2000 });
      const publisher = make(broker.url);
      expect(publisher.ordered).toBe(true);
      const large = outgoing({ key: 'a', payload: 'x'.repeat(2000) });
      const behind = outgoing({ key: 'a' });
      const [first, refused, held, other] = await errorsOf(publisher.publish([one, large, behind, two], context));
      expect(refused).toBeInstanceOf(NonRetryableError);
      expect(held?.message).toContain('an earlier message of its key failed');
      expect([first, other]).toEqual([undefined, undefined]);
      expect(idsAt(broker)).toEqual([one.id, two.id]);
    });
  });

  it('stores once what the client sends again by itself after a lost answer', async () => {
    const broker = await start();
    const message = outgoing({ key: 'a' });
    broker.unanswered = 2;
    await make(broker.url).publish([message], context);
    expect(broker.requests).toEqual([1, 1, 1]);
    expect(idsAt(broker)).toEqual([message.id]);
  });

  it('loses nothing after a call whose answer was lost for good: its numbers are not given again', async () => {
    const broker = await start({ partitions: 1 });
    const publisher = make(broker.url);
    const [lost, next] = [outgoing(), outgoing()];
    broker.unanswered = 3;
    await expect(publisher.publish([lost], context)).rejects.toBeInstanceOf(PublisherUnavailableError);
    await publisher.publish([next], context);
    expect(idsAt(broker)).toEqual([lost.id, next.id]);
  });

  it('tries again what has no topic yet', async () => {
    const { url } = await start();
    const [error] = await errorsOf(make(url).publish([outgoing({ topic: 'unknown' })], context));
    expect(error?.message).toContain('Unknown topic unknown');
    expect(error).not.toBeInstanceOf(NonRetryableError);
  });

  it('is unavailable while no broker answers, and goes on when one does', async () => {
    const broker = await start();
    const publisher = make(broker.url);
    await publisher.publish([outgoing()], context);
    await broker.stop();
    await expect(publisher.publish([outgoing()], context)).rejects.toBeInstanceOf(PublisherUnavailableError);
    await broker.start();
    await publisher.publish([outgoing()], context);
    expect(idsAt(broker)).toHaveLength(2);
  });

  it('is unavailable once it is closed', async () => {
    const { url } = await start();
    const publisher = make(url);
    await publisher.publish([outgoing()], context);
    await publisher.close();
    await expect(publisher.publish([outgoing()], context)).rejects.toBeInstanceOf(PublisherUnavailableError);
  });
});
