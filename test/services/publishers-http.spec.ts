import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { NonRetryableError, PublisherUnavailableError } from 'nestjs-turnpike/outbox';
import {
  EndpointBusyError,
  HttpPublisher,
  HttpResponseError,
  type HttpPublisherOptions,
} from 'nestjs-turnpike/outbox/http';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
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
import { WebhookServer, type Received } from '../support/webhook-server.js';

const context = { namespace: 'default', signal: new AbortController().signal };
const key = randomBytes(32);
const secret = `whsec_${key.toString('base64')}`;

async function start(...answer: Parameters<typeof WebhookServer.start>): Promise<WebhookServer> {
  const server = await WebhookServer.start(...answer);
  onTestFinished(() => server.stop());
  return server;
}

function make(url: HttpPublisherOptions['url'], options: Partial<HttpPublisherOptions> = {}): HttpPublisher {
  return new HttpPublisher({ url, secret, ...options });
}

/** What the endpoint answers to a message of the topic `refused`. */
function answering(status: number, headers: Record<string, string> = {}) {
  return start(({ headers: received }, response) => {
    if (received['turnpike-topic'] === 'refused') response.writeHead(status, headers);
    response.end();
  });
}

function arrived({ headers, body }: Received): Arrived {
  return {
    id: String(headers['webhook-id']),
    key: String(headers['turnpike-key']),
    payload: JSON.parse(body.toString()) as Arrived['payload'],
  };
}

describe('HttpPublisher', () => {
  const message = outgoing({
    id: 'm.1',
    key: 'Zoë',
    namespace: 'shop',
    headers: {
      tenant: 'a b',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      Host: 'elsewhere',
    },
  });

  describe('posts a message', () => {
    it('with its id, topic, namespace, key, content type and headers', async () => {
      const { url, received } = await start();
      await make(url, { headers: { 'x-app': 'shop' } }).publish([message], context);
      expect(received[0]?.path).toBe('/hooks');
      expect(received[0]?.headers).toMatchObject({
        host: new URL(url).host,
        'content-type': 'application/json',
        'webhook-id': 'm%2E1',
        'turnpike-topic': 'order.placed',
        'turnpike-namespace': 'shop',
        'turnpike-key': 'Zo%C3%AB',
        tenant: 'a b',
        traceparent: message.headers['traceparent'],
        'x-app': 'shop',
      });
      expect(received[0]?.body.toString()).toBe('{"orderId":"o-1"}');
    });

    it('with credentials of the URL as Basic authentication', async () => {
      const { url, received } = await start();
      await make(url.replace('//', '//me:p%40ss@')).publish([message], context);
      expect(received[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
    });

    it('signed as Standard Webhooks says, by each of the secrets', async () => {
      const clock = new ManualClock(1_700_000_000_999);
      const older = randomBytes(24);
      const { url, received } = await start();
      const secrets = [secret, `whsec_${older.toString('base64')}`];
      await make(url, { secret: secrets, clock }).publish([message], context);
      const { headers, body } = received[0] as Received;
      const signed = `m%2E1.1700000000.${body.toString()}`;
      expect(headers['webhook-timestamp']).toBe('1700000000');
      expect(headers['webhook-signature']).toBe(
        [key, older].map((each) => `v1,${createHmac('sha256', each).update(signed).digest('base64')}`).join(' '),
      );
    });

    it('as a CloudEvent in binary mode', async () => {
      const { url, received } = await start();
      await make(url, { cloudEvents: { mode: 'binary', source: 'https://shop.example' } }).publish([message], context);
      expect(received[0]?.headers).toMatchObject({
        'ce-specversion': '1.0',
        'ce-id': 'm.1',
        'ce-source': 'https://shop.example',
        'ce-type': 'order.placed',
        'ce-time': '2026-01-02T03:04:05.678Z',
        'ce-partitionkey': 'Zo%C3%AB',
        'content-type': 'application/json',
      });
      expect(received[0]?.headers).not.toHaveProperty('ce-datacontenttype');
    });

    it('as a CloudEvent in structured mode, and signs that', async () => {
      const { url, received } = await start();
      await make(url, { cloudEvents: { mode: 'structured' } }).publish([message], context);
      const { headers, body } = received[0] as Received;
      expect(headers['content-type']).toBe('application/cloudevents+json; charset=UTF-8');
      expect(JSON.parse(body.toString())).toMatchObject({ id: 'm.1', source: '/shop', data: { orderId: 'o-1' } });
      const signed = createHmac('sha256', key)
        .update(`m%2E1.${String(headers['webhook-timestamp'])}.`)
        .update(body);
      expect(headers['webhook-signature']).toBe(`v1,${signed.digest('base64')}`);
    });
  });

  describe('through the relay', { timeout: 120_000 }, () => {
    it('10,000 messages over 100 keys arrive, in order per key', async () => {
      const { url, received } = await start();
      const { attempts } = await relayThrough(make(url));
      expect(checkArrivals(received.map(arrived))).toEqual({ repeated: 0 });
      expect(attempts).toHaveLength(MESSAGES);
    });

    it('what is delivered again has the id it had', async () => {
      const { url, received } = await start();
      await relayThrough(forgetful(make(url)));
      expect(checkArrivals(received.map(arrived)).repeated).toBeGreaterThanOrEqual(FORGOTTEN);
    });

    it('what the endpoint refuses becomes a dead letter, alone and at once, with the reason', async () => {
      const { url, received } = await answering(422);
      const dead = await deadLettersOf(make(url), [
        { id: 'a', topic: 'order.placed', key: 'a', payload: { n: 1 } },
        { id: 'b', topic: 'refused', key: 'b', payload: { n: 2 } },
        { id: 'c', topic: 'order.placed', key: 'c', payload: { n: 3 } },
      ]);
      expect(dead).toEqual([{ id: 'b', reason: expect.stringContaining('answered 422'), attempts: 1 }]);
      expect(new Set(received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set(['a', 'b', 'c']));
      expect(received).toHaveLength(3);
    });

    it('nothing is lost, out of order or blamed when the server stops and starts', async () => {
      const server = await start();
      const { attempts } = await relayThrough(make(server.url), {
        middle: async () => {
          await server.stop();
          await sleep(2000);
          await server.start();
        },
      });
      checkArrivals(server.received.map(arrived));
      expect(attempts.length).toBeGreaterThan(MESSAGES);
      expect(attempts.filter(({ attempt }) => attempt !== 1)).toHaveLength(0);
    });
  });

  describe('takes the status for an answer', () => {
    const [one, refused, two] = [outgoing(), outgoing({ topic: 'refused' }), outgoing()];

    it.each([301, 307, 400, 401, 404, 410, 413, 422])(
      '%d: refuses the message alone, with the reason',
      async (status) => {
        const { url, received } = await answering(status, { location: '/elsewhere' });
        const [first, error, last] = await errorsOf(make(url).publish([one, refused, two], context));
        expect(error).toBeInstanceOf(NonRetryableError);
        expect(error?.message).toMatch(new RegExp(`^http://127.0.0.1:\\d+ answered ${status}`));
        expect([first, last]).toEqual([undefined, undefined]);
        expect(received).toHaveLength(3); // a redirect is not followed
      },
    );

    it.each([408, 409, 425, 500, 502, 504])('%d: the message is tried again', async (status) => {
      const { url } = await answering(status);
      const [first, error, last] = await errorsOf(make(url).publish([one, refused, two], context));
      expect(error).toBeInstanceOf(HttpResponseError);
      expect((error as HttpResponseError).status).toBe(status);
      expect([first, last]).toEqual([undefined, undefined]);
    });

    it.each([429, 503])('%d: the destination is unavailable', async (status) => {
      const { url } = await answering(status);
      await expect(make(url).publish([refused], context)).rejects.toBeInstanceOf(PublisherUnavailableError);
    });

    it('or what the options make of it', async () => {
      const { url } = await answering(404);
      const publisher = make(url, { isPermanent: (status) => status === 410 });
      const [error] = await errorsOf(publisher.publish([refused], context));
      expect(error).not.toBeInstanceOf(NonRetryableError);
    });
  });

  describe('keeps Retry-After', () => {
    const refused = outgoing({ topic: 'refused' });

    it.each([
      ['seconds', '7'],
      ['a date', new Date(1_700_000_007_000).toUTCString()],
    ])('in %s: no request until then', async (_form, value) => {
      const clock = new ManualClock(1_700_000_000_000);
      const { url, received } = await answering(503, { 'retry-after': value });
      const publisher = make(url, { clock });
      const busy = await publisher.publish([refused], context).catch((error: unknown) => error);
      expect(busy).toBeInstanceOf(EndpointBusyError);
      expect((busy as EndpointBusyError).retryAfterMs).toBe(7000);

      await clock.advance(6999);
      await expect(publisher.publish([outgoing()], context)).rejects.toBeInstanceOf(EndpointBusyError);
      expect(received).toHaveLength(1);
      await clock.advance(1);
      await publisher.publish([outgoing()], context);
      expect(received).toHaveLength(2);
    });

    it('of an endpoint, where there are several: the others get theirs', async () => {
      const [busy, idle] = [await answering(429, { 'retry-after': '7' }), await start()];
      const publisher = make(({ topic }) => (topic === 'refused' ? busy.url : idle.url));
      const [error, sent] = await errorsOf(publisher.publish([refused, outgoing()], context));
      expect(error).toBeInstanceOf(HttpResponseError);
      expect((error as HttpResponseError).retryAfterMs).toBe(7000);
      expect(sent).toBeUndefined();
      const [again] = await errorsOf(publisher.publish([refused], context));
      expect((again as HttpResponseError).retryAfterMs).toBeGreaterThan(6000);
      expect(busy.received).toHaveLength(1);
    });

    it('for an hour at most, whatever is asked', async () => {
      const { url } = await answering(503, { 'retry-after': '99999999' });
      const busy = await make(url)
        .publish([refused], context)
        .catch((error: unknown) => error);
      expect((busy as EndpointBusyError).retryAfterMs).toBe(3_600_000);
    });
  });

  it('has so many requests under way at a time, and no more', async () => {
    let most = 0;
    const server: WebhookServer = await start((_received, response) => {
      most = Math.max(most, server.open);
      setTimeout(() => response.end(), 5);
    });
    await make(server.url, { concurrency: 3 }).publish(
      Array.from({ length: 30 }, () => outgoing()),
      context,
    );
    expect(most).toBe(3);
    expect(server.received).toHaveLength(30);
  });

  it('waits for an answer no longer than it is told', async () => {
    const { url } = await start(() => undefined);
    const [error] = await errorsOf(make(url, { timeoutMs: 50 }).publish([outgoing()], context));
    expect(error?.message).toContain('did not answer within 50 ms');
    expect(error).not.toBeInstanceOf(NonRetryableError);
  });

  it('ends the requests of a call that is given up, also those that have not begun', async () => {
    const server = await start(() => undefined);
    const abort = new AbortController();
    const publishing = make(server.url, { concurrency: 1 }).publish([outgoing(), outgoing()], {
      ...context,
      signal: abort.signal,
    });
    await eventually(() => expect(server.open).toBe(1));
    abort.abort();
    expect(await errorsOf(publishing)).toHaveLength(2);
    await eventually(() => expect(server.open).toBe(0));
    expect(server.received).toHaveLength(1);
  });

  it('tries a connection that ended without an answer once more', async () => {
    const { url, received } = await start((_received, response) => {
      if (received.length === 1) response.destroy();
      else response.end();
    });
    await make(url).publish([outgoing()], context);
    expect(received).toHaveLength(2);
  });

  it('blames a message that the endpoint always hangs up on', async () => {
    const { url } = await start((_received, response) => response.destroy());
    const [error] = await errorsOf(make(url).publish([outgoing()], context));
    expect(error).not.toBeInstanceOf(PublisherUnavailableError);
  });

  it('blames no message while nothing listens', async () => {
    const server = await start();
    await server.stop();
    await expect(make(server.url).publish([outgoing()], context)).rejects.toBeInstanceOf(PublisherUnavailableError);
  });

  it('refuses a header that HTTP cannot carry', async () => {
    const { url, received } = await start();
    const [error] = await errorsOf(make(url).publish([outgoing({ headers: { 'a b': 'c' } })], context));
    expect(error).toBeInstanceOf(NonRetryableError);
    expect(received).toEqual([]);
  });

  it('refuses headers of the options that HTTP cannot carry, and does not show them', () => {
    const makeWith = (headers: Record<string, string>) => () => make('http://127.0.0.1/', { headers });
    expect(makeWith({ 'a b': 's3cret' })).toThrow(/^headers must/);
    expect(makeWith({ authorization: 's3cret\n' })).not.toThrow();
    expect(makeWith({ authorization: 's3\ncret' })).toThrow(RangeError);
    expect(makeWith({ authorization: 's3\ncret' })).not.toThrow('s3');
  });

  it.each([
    ['without its prefix', key.toString('base64')],
    ['too short', `whsec_${randomBytes(23).toString('base64')}`],
    ['no base64', `whsec_${randomUUID()}`],
  ])('refuses a secret %s, and does not show it', (_what, bad) => {
    let error: unknown;
    try {
      make('http://127.0.0.1/', { secret: bad });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(RangeError);
    expect(String(error)).not.toContain(bad.slice(6));
  });
});
