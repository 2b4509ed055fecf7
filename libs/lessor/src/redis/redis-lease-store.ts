import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { GrantedPart, LeaseGrant, LeaseRequest, LeaseStore, LeasedPart, Member } from '../core/lease-store.js';
import type { LessorFactory } from '../core/lessor-registry.js';
import { StoreLessor } from '../core/lessor.js';
import { fromSortableEnds, sortableEnds } from '../core/sortable-key.js';
import { LEASE_SCRIPT } from './lease-script.js';

export interface RedisLeaseStoreOptions {
  /** What the keys begin with. Default: `turnpike:lease:`. */
  readonly keyPrefix?: string;
}

const SHA = createHash('sha1').update(LEASE_SCRIPT).digest('hex');

/**
 * Leases in Redis 7 or newer, or a cluster of it: a section's keys share a slot. Each call is one round trip.
 *
 * The leases are as durable as that Redis: one that restarts without its data, or fails over to a replica that lags
 * behind, forgets leases that still run. Where two holders at a time would do harm, lease in the database, or let what
 * you write to refuse lower tokens.
 */
export class RedisLeaseStore implements LeaseStore {
  private readonly keyPrefix: string;

  /** The client stays yours: end it when the app has shut down. */
  constructor(
    private readonly client: Pick<Redis, 'eval' | 'evalsha'>,
    { keyPrefix = 'turnpike:lease:' }: RedisLeaseStoreOptions = {},
  ) {
    this.keyPrefix = keyPrefix;
  }

  async acquire({ section, desired, termMs, limit }: LeaseRequest): Promise<LeaseGrant> {
    const most = String(limit ?? Number.MAX_SAFE_INTEGER);
    const ends = desired.filter((part) => !part.isEmpty).flatMap(sortableEnds);
    const [token = '', freeInMs, ...rest] = await this.run(section, 'acquire', String(termMs), most, ...ends);
    const parts: GrantedPart[] = [];
    for (let at = 0; at < rest.length; at += 3) {
      const [low = '', high = '', after] = rest.slice(at, at + 3);
      parts.push({ partition: fromSortableEnds(low, high), afterExpiry: after === '1' });
    }
    return { token: BigInt(token), parts, freeInMs: freeInMs === '-1' ? undefined : Number(freeInMs) };
  }

  async renew(section: string, parts: readonly LeasedPart[], termMs: number): Promise<LeasedPart[]> {
    const kept = new Set(await this.run(section, 'renew', String(termMs), ...parts.flatMap(named)));
    return parts.filter(({ partition }) => kept.has(sortableEnds(partition)[0]));
  }

  async release(section: string, parts: readonly LeasedPart[]): Promise<void> {
    await this.run(section, 'release', ...parts.flatMap(named));
  }

  async heartbeat(section: string, member: string, termMs: number): Promise<void> {
    await this.run(section, 'heartbeat', member, String(termMs));
  }

  async members(section: string): Promise<Member[]> {
    const alive = await this.run(section, 'members');
    const ids = alive.filter((_, index) => index % 2 === 0);
    return ids.map((id, index) => ({ id, endsInMs: Number(alive[2 * index + 1]) }));
  }

  private async run(section: string, command: string, ...args: string[]): Promise<string[]> {
    const tag = `${this.keyPrefix}{${section}}`;
    const rest = [`${tag}:parts`, `${tag}:members`, `${tag}:token`, command, ...args] as const;
    try {
      return (await this.client.evalsha(SHA, 3, ...rest)) as string[];
    } catch (error) {
      // Redis does not know the script yet, or not any more.
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return (await this.client.eval(LEASE_SCRIPT, 3, ...rest)) as string[];
    }
  }
}

/** For `LessorModule.forRoot({ lessor: 'redis', lessors: { redis: redisLessor(client) } })`. */
export function redisLessor(client: Redis, options?: RedisLeaseStoreOptions): LessorFactory {
  return (lessorOptions) => new StoreLessor(new RedisLeaseStore(client, options), lessorOptions);
}

function named({ partition, token }: LeasedPart): [low: string, token: string] {
  return [sortableEnds(partition)[0], String(token)];
}
