import { Redis } from 'ioredis';
import { countdown, pushAll, type Item } from './queue-items.js';
import { type Peer } from './queue-peers.js';
import { perSecond } from './support/measure.js';

interface JobQueue {
  add(name: string, data: Item, options: { removeOnComplete: boolean }): Promise<unknown>;
  obliterate(options: { force: boolean }): Promise<void>;
  close(): Promise<void>;
}

interface JobWorker {
  on(event: 'completed', listener: () => void): unknown;
  close(): Promise<void>;
}

interface Library {
  readonly Queue: new (name: string, options: { connection: Redis }) => JobQueue;
  readonly Worker: new (
    name: string,
    work: () => Promise<void>,
    options: { connection: Redis; concurrency: number },
  ) => JobWorker;
}

const ITEMS = 5000;
const CONCURRENCY = 100;
const QUEUE = 'turnpike-bench';

/** On a Redis as it is configured: its durability is the server's. REDIS_URL says where it is. */
export async function bullmq(require: NodeJS.Require): Promise<Peer | string> {
  const { Queue, Worker } = require('bullmq') as Library;
  const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
  const durability = await durabilityOf(url);
  if (!durability) return `no Redis answers at ${url}, and REDIS_URL names no other.`;
  const connect = () => new Redis(url, { maxRetriesPerRequest: null });
  const run = async (work: (queue: JobQueue) => Promise<void>): Promise<number> => {
    const connection = connect();
    const queue = new Queue(QUEUE, { connection });
    const rate = await perSecond(ITEMS, () => work(queue));
    await queue.obliterate({ force: true });
    await queue.close();
    connection.disconnect();
    return rate;
  };
  const store = (queue: JobQueue): Promise<void> =>
    pushAll(ITEMS, (item) => queue.add('bench', item, { removeOnComplete: true }));
  return {
    name: `BullMQ, ${CONCURRENCY} jobs at a time`,
    durability,
    stored: () => run(store),
    endToEnd: () =>
      run(async (queue) => {
        const connection = connect();
        const { done, down } = countdown(ITEMS);
        const worker = new Worker(QUEUE, async () => undefined, { connection, concurrency: CONCURRENCY });
        worker.on('completed', () => down());
        await store(queue);
        await done;
        await worker.close();
        connection.disconnect();
      }),
  };
}

/** What the server does before it answers a write; undefined when none answers. */
async function durabilityOf(url: string): Promise<string | undefined> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    const [, appendOnly] = (await redis.config('GET', 'appendonly')) as string[];
    const [, sync] = (await redis.config('GET', 'appendfsync')) as string[];
    const durable = appendOnly === 'yes' && sync === 'always';
    const setting = appendOnly === 'yes' ? `appendonly yes, appendfsync ${sync}` : 'appendonly no';
    return `Redis with ${setting}: ${durable ? 'as durable' : 'loses what it answered last when it crashes'}`;
  } catch {
    return undefined;
  } finally {
    redis.disconnect();
  }
}
