// Publishing to Redis Streams; an entry of its own, so that nobody else needs ioredis
export { RedisPublisher, type RedisPublisherOptions } from './redis-publisher.js';
export type { RedisRoute } from './stream-entry.js';
export type { CloudEventsOptions } from '../cloud-events.js';
export { ClientMissingError } from '../client-missing.error.js';
