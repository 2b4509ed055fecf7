import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreLessor } from 'nestjs-turnpike/lessor';
import { RedisLeaseStore, redisLessor } from 'nestjs-turnpike/lessor/redis';
import { contend, leaseStoreContract, lessorContract } from 'nestjs-turnpike/lessor/testing';

const url = process.env['SERVICES_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const keyPrefix = `test:${randomUUID()}:`;

describe('RedisLeaseStore', () => {
  let clients: [Redis, Redis];
  let store: RedisLeaseStore;
  let other: RedisLeaseStore;

  beforeAll(() => {
    clients = [new Redis(url), new Redis(url)];
    store = new RedisLeaseStore(clients[0], { keyPrefix });
    other = new RedisLeaseStore(clients[1], { keyPrefix });
  });
  afterAll(async () => {
    const keys = await clients[0].keys(`${keyPrefix}*`);
    if (keys.length > 0) await clients[0].del(keys);
    for (const client of clients) client.disconnect();
  });

  it.each(leaseStoreContract)('%s', async (_rule, check) => {
    await expect(check({ store, other, pass: (ms) => sleep(ms) })).resolves.toBeUndefined();
  });

  it.each(lessorContract)('with a lessor: %s', async (_rule, check) => {
    const lessor = await redisLessor(clients[0], { keyPrefix })({});
    await expect(check(lessor, new StoreLessor(other))).resolves.toBeUndefined();
  });

  it('has no key in two leases at any time, with 16 requesters for 2,000 rounds', async () => {
    const result = await contend([store, other], 2000);
    expect(result.overlaps).toEqual([]);
    expect(result.granted).toBeGreaterThan(200);
    expect(result.refused).toBeGreaterThan(20);
  });

  it('goes on when Redis has forgotten the script', async () => {
    await clients[0].script('FLUSH');
    await expect(store.members('s')).resolves.toEqual([]);
  });
});
