// Emitting events by a client of @nestjs/microservices; an entry of its own, so that nobody else needs that
export { ClientProxyPublisher, type ClientProxyPublisherOptions } from './client-proxy-publisher.js';
export type { MessageEnvelope } from './event-record.js';
export type { CloudEventsOptions } from '../cloud-events.js';
export { ClientMissingError } from '../client-missing.error.js';
