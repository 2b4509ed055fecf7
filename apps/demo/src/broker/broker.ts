import type { Publisher } from 'nestjs-turnpike/outbox';
import { HttpPublisher } from 'nestjs-turnpike/outbox/http';
import { KafkaPublisher } from 'nestjs-turnpike/outbox/kafka';
import { NatsPublisher } from 'nestjs-turnpike/outbox/nats';
import { RabbitMqPublisher } from 'nestjs-turnpike/outbox/rabbitmq';
import { RedisPublisher } from 'nestjs-turnpike/outbox/redis';
import { openNats } from './nats-source.js';
import { openRabbitMq } from './rabbitmq-source.js';
import { openRedis } from './redis-source.js';
import type { OpenSource } from './source.js';

export interface BrokerSettings {
  readonly url: string;
  /** The queue, stream or topic. Each database needs its own, or one would get the orders of another. */
  readonly topic: string;
  /** For `http://`: signs the requests. */
  readonly secret?: string | undefined;
}

/** Where orders go on their way to being delivered. */
export interface Broker {
  readonly name: string;
  readonly publisher: Publisher;
  /** How the demo gets them back. Without: others consume them. */
  readonly consumed?: {
    readonly open: OpenSource;
    /** True: the broker itself gives them to one process at a time. False: each that asks gets all of them. */
    readonly hasTurns: boolean;
  };
}

/** What the environment asks for; undefined when orders stay in the process. */
export function brokerSettings(env: NodeJS.ProcessEnv = process.env): BrokerSettings | undefined {
  const url = env['BROKER_URL'];
  if (!url) return undefined;
  return { url, topic: env['BROKER_TOPIC'] || 'turnpike-demo', secret: env['BROKER_SECRET'] || undefined };
}

/** Nothing connects yet. Throws what is wrong with the settings, without the URL: it may hold a password. */
export function brokerOf(settings: BrokerSettings): Broker {
  const { url, topic } = settings;
  if (!/^[\w-]{1,100}$/.test(topic)) {
    throw new Error('BROKER_TOPIC must be 1 to 100 letters, digits, _ and -: every broker takes such a name.');
  }
  try {
    return brokerAt(settings, url.slice(0, Math.max(url.indexOf(':'), 0)));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Error(`BROKER_URL or BROKER_SECRET is wrong: ${error.message}`, { cause: error });
  }
}

function brokerAt({ url, topic, secret }: BrokerSettings, scheme: string): Broker {
  switch (scheme) {
    case 'amqp':
    case 'amqps': {
      // `retry`: the process that consumes makes the queue, and may come later.
      const publisher = new RabbitMqPublisher({ url, routingKey: () => topic, unroutable: 'retry' });
      return { name: 'RabbitMQ', publisher, consumed: { open: openRabbitMq, hasTurns: true } };
    }
    case 'nats':
    case 'tls': {
      const publisher = new NatsPublisher({ url, subject: () => topic, unroutable: 'retry' });
      return { name: 'NATS', publisher, consumed: { open: openNats, hasTurns: false } };
    }
    case 'redis':
    case 'rediss': {
      const publisher = new RedisPublisher({ url, stream: topic });
      return { name: 'Redis', publisher, consumed: { open: openRedis, hasTurns: false } };
    }
    case 'kafka':
    case 'kafka+ssl':
      return { name: 'Kafka', publisher: new KafkaPublisher({ url, topic }) };
    case 'http':
    case 'https':
      if (secret === undefined) {
        throw new Error(
          'BROKER_URL is an HTTP endpoint, and BROKER_SECRET, which signs what is sent there, is not set. ' +
            'Set it to whsec_ and 24 to 64 bytes in base64, such as BROKER_SECRET="whsec_$(openssl rand -base64 32)".',
        );
      }
      return { name: 'the HTTP endpoint', publisher: new HttpPublisher({ url, secret }) };
    default:
      throw new Error(
        `BROKER_URL begins with ${JSON.stringify(scheme)}. ` +
          'Use amqp://, nats://, redis://, kafka:// or http://, or leave it out.',
      );
  }
}
