import type { Redis, RedisOptions } from 'ioredis';
import type { Connection } from '../lazy-connection.js';
import type { StreamEntry } from './stream-entry.js';

/** What Redis said of an entry, or why it said nothing. */
export type Answer =
  | { readonly kind: 'added' }
  /** The connection is gone; the entry may have been added. */
  | { readonly kind: 'lost'; readonly reason: unknown }
  /** The server adds nothing at present, whatever it is. */
  | { readonly kind: 'away'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** The first words of replies that are about the server's state: it loads, is a replica now, has no memory left, ... */
const STATES: ReadonlySet<string> = new Set([
  'BUSY',
  'CLUSTERDOWN',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'NOAUTH',
  'NOREPLICAS',
  'OOM',
  'READONLY',
  'TRYAGAIN',
]);

/** Redis' own default. */
const LONGEST_BULK = 512 * 2 ** 20;

/** A connection to a server that is ready. */
export class RedisLink implements Connection {
  private isReplica = false;

  private constructor(
    private readonly redis: Redis,
    private readonly ReplyError: new () => Error,
    private readonly longestBulk: number,
    /** What the client said last of the connection. */
    private readonly trouble: { last: unknown },
  ) {}

  get alive(): boolean {
    return this.redis.status === 'ready' && !this.isReplica;
  }

  /** Rejects with what the client says when no server gets ready. */
  static async open(url: string, options: RedisOptions): Promise<RedisLink> {
    const { Redis, ReplyError } = await import('ioredis');
    const redis = new Redis(url, options);
    const trouble: { last: unknown } = { last: new Error('The connection was closed.') };
    redis.on('error', (error) => {
      trouble.last = error;
    });
    try {
      await redis.connect();
    } catch (error) {
      redis.disconnect();
      throw trouble.last ?? error;
    }
    return new RedisLink(redis, ReplyError as new () => Error, await longestBulk(redis), trouble);
  }

  /** All at once, in one write; each has an answer of its own. */
  async add(entries: readonly (StreamEntry | Error)[]): Promise<Answer[]> {
    const answers = entries.map((entry) => this.unfit(entry));
    const pipeline = this.redis.pipeline();
    const sent = [...answers.keys()].filter((index) => answers[index] === undefined);
    for (const index of sent) pipeline.xadd(...(entries[index] as StreamEntry));
    const replies = (await pipeline.exec()) ?? [];
    for (const [at, index] of sent.entries()) answers[index] = this.answerOf(replies[at]?.[0]);
    return answers as Answer[];
  }

  async close(): Promise<void> {
    this.redis.disconnect();
  }

  private answerOf(error: Error | null | undefined): Answer {
    if (error === null) return { kind: 'added' };
    if (!(error instanceof this.ReplyError)) return { kind: 'lost', reason: this.trouble.last };
    const reason = error.message;
    const [code = ''] = reason.split(' ');
    if (code === 'READONLY') {
      // Another connection may lead to the new master.
      this.isReplica = true;
      this.redis.disconnect();
    }
    if (STATES.has(code)) return { kind: 'away', reason };
    return code === 'WRONGTYPE' ? { kind: 'refused', reason } : { kind: 'failed', reason };
  }

  private unfit(entry: StreamEntry | Error): Answer | undefined {
    if (entry instanceof Error) return { kind: 'failed', reason: entry.message };
    // No character takes more than three bytes for each of its units.
    const long = entry.find((arg) => arg.length * 3 > this.longestBulk && Buffer.byteLength(arg) > this.longestBulk);
    if (long === undefined) return undefined;
    // Redis would hang up on it, and on all that come after it.
    const reason = `${Buffer.byteLength(long)} bytes are more than its proto-max-bulk-len, which is ${this.longestBulk}.`;
    return { kind: 'refused', reason };
  }
}

async function longestBulk(redis: Redis): Promise<number> {
  try {
    const [, bytes] = (await redis.config('GET', 'proto-max-bulk-len')) as string[];
    return Number(bytes) || LONGEST_BULK;
  } catch {
    return LONGEST_BULK; // where CONFIG is not allowed
  }
}
