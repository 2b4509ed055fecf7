// Leasing in Redis; an entry of its own, so that nobody else needs ioredis
export { RedisLeaseStore, redisLessor, type RedisLeaseStoreOptions } from './redis-lease-store.js';
