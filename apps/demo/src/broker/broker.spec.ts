import { describe, expect, it } from 'vitest';
import { brokerOf, brokerSettings } from './broker.js';
import { compareIds } from './redis-source.js';
import { withoutLogin } from './without-login.js';

const secret = `whsec_${Buffer.alloc(32).toString('base64')}`;

describe('The broker', () => {
  it.each([
    ['amqp://guest:guest@host', 'RabbitMQ', true],
    ['amqps://host', 'RabbitMQ', true],
    ['nats://host:4222', 'NATS', true],
    ['tls://host', 'NATS', true],
    ['redis://:password@host', 'Redis', true],
    ['rediss://host', 'Redis', true],
    ['kafka://host:9092', 'Kafka', false],
    ['kafka+ssl://host:9092', 'Kafka', false],
    ['http://host/hooks', 'the HTTP endpoint', false],
    ['https://host/hooks', 'the HTTP endpoint', false],
  ])('of %s is %s', (url, name, isConsumed) => {
    const broker = brokerOf({ url, topic: 'orders', secret });
    expect(broker.name).toBe(name);
    expect(broker.consumed !== undefined).toBe(isConsumed);
  });

  it.each([
    ['mqtt://user:hunter2@host', 'BROKER_URL begins with "mqtt". Use amqp://'],
    ['hunter2', 'BROKER_URL begins with "".'],
    ['redis://', 'BROKER_URL or BROKER_SECRET is wrong: url must be of the form redis:'],
    ['http://user:hunter2@host', 'BROKER_SECRET, which signs what is sent there, is not set. Set it to whsec_'],
  ])('of %s is refused, with what to do and without the password', (url, reason) => {
    const choosing = (): unknown => brokerOf({ url, topic: 'orders' });
    expect(choosing).toThrow(reason);
    expect(choosing).not.toThrow('hunter2');
  });

  it('is refused with a secret that signs nothing', () => {
    expect(() => brokerOf({ url: 'http://host', topic: 'orders', secret: 'hunter2' })).toThrow(
      'BROKER_SECRET is wrong',
    );
    expect(() => brokerOf({ url: 'http://host', topic: 'orders', secret: 'hunter2' })).not.toThrow('hunter2');
  });

  it.each(['', 'a.b', 'a b', 'a'.repeat(101)])('is refused with the topic %j', (topic) => {
    expect(() => brokerOf({ url: 'redis://host', topic })).toThrow('BROKER_TOPIC');
  });

  it('is what the environment says, or none', () => {
    expect(brokerSettings({})).toBeUndefined();
    expect(brokerSettings({ BROKER_URL: '' })).toBeUndefined();
    expect(brokerSettings({ BROKER_URL: 'redis://host' })).toMatchObject({ topic: 'turnpike-demo' });
    expect(brokerSettings({ BROKER_URL: 'http://host', BROKER_TOPIC: 't', BROKER_SECRET: 's' })).toEqual({
      url: 'http://host',
      topic: 't',
      secret: 's',
    });
  });
});

it('ids of a Redis stream are compared as numbers', () => {
  const ids = ['10-2', '9-10', '10-10', '9-9', '1526985054069-0'];
  expect(ids.toSorted(compareIds)).toEqual(['9-9', '9-10', '10-2', '10-10', '1526985054069-0']);
});

it.each([
  ['amqp://guest:p%40ss@host', 'no p%40ss, no p@ss', 'no ***, no ***'],
  ['nats://token@host', 'token refused', '*** refused'],
  ['nats://host', 'refused', 'refused'],
])('what a client of %s says has no login in it', (url, text, clean) => {
  expect(withoutLogin(text, url)).toBe(clean);
});
