// Publishing to NATS JetStream; an entry of its own, so that nobody else needs the client
export { NatsPublisher, type NatsPublisherOptions } from './nats-publisher.js';
export type { NatsRoute } from './nats-publication.js';
export type { CloudEventsOptions } from '../cloud-events.js';
export { ClientMissingError } from '../client-missing.error.js';
