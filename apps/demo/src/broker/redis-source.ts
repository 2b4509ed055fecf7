import { Redis } from 'ioredis';
import type { CheckpointStream } from 'nestjs-turnpike/checkpoint';
import { MOST_ON_THE_WAY, type Arrival, type OpenSourceOptions, type Source } from './source.js';

const PAGE = 100;
/** How long a read waits for the next entry. It ends at once when the connection does. */
const WAIT_MS = 2000;
/** A reply is due within. */
const REPLY_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5000;

type Page = [stream: string, entries: [id: string, fields: string[]][]][];

/** A stream of Redis: a log, each entry of which has an id. How far all is settled is kept as a checkpoint. */
export async function openRedis({ url, topic, checkpoints }: OpenSourceOptions): Promise<Source> {
  let trouble: unknown;
  const redis = new Redis(url, {
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: REPLY_TIMEOUT_MS,
    lazyConnect: true,
    retryStrategy: null, // who asks connects again
    enableOfflineQueue: false,
  });
  redis.on('error', (error) => {
    trouble = error;
  });
  try {
    await redis.connect();
    const options = { partition: topic, capacity: MOST_ON_THE_WAY, compare: compareIds };
    return new RedisSource(redis, topic, await checkpoints.open<string>('broker/redis', options));
  } catch (error) {
    redis.disconnect();
    throw trouble ?? error;
  }
}

class RedisSource implements Source {
  constructor(
    private readonly redis: Redis,
    private readonly stream: string,
    private readonly checkpoint: CheckpointStream<string>,
  ) {}

  async *arrivals(signal: AbortSignal): AsyncIterable<Arrival> {
    signal.addEventListener('abort', () => this.redis.disconnect(), { once: true }); // ends a read that waits
    let position = this.checkpoint.committed ?? '0-0';
    while (!signal.aborted) {
      for (const [id, fields] of await this.after(position, signal)) {
        position = id;
        const settled = await this.checkpoint.track(id, { signal });
        const field = (name: string): string => fields[fields.indexOf(name) + 1] ?? '';
        yield { id: field('id'), key: field('key'), body: field('body'), settled };
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.redis.disconnect();
    await this.checkpoint[Symbol.asyncDispose]();
  }

  private async after(position: string, signal: AbortSignal): Promise<Page[number][1]> {
    try {
      const args = ['COUNT', PAGE, 'BLOCK', WAIT_MS, 'STREAMS', this.stream, position] as const;
      return (await this.redis.xread(...args))?.[0]?.[1] ?? [];
    } catch (error) {
      if (signal.aborted) return [];
      throw error;
    }
  }
}

/** Ids are `<ms>-<number>`, neither of which is padded. */
export function compareIds(a: string, b: string): number {
  const [[msA, nA], [msB, nB]] = [partsOf(a), partsOf(b)];
  return msA === msB ? Number(nA - nB) : Number(msA - msB);
}

function partsOf(id: string): readonly [ms: bigint, number: bigint] {
  const [ms = '0', number = '0'] = id.split('-');
  return [BigInt(ms), BigInt(number)];
}
