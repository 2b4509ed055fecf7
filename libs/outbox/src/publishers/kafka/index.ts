// Producing to Kafka; an entry of its own, so that nobody else needs the client
export { KafkaPublisher, type KafkaPublisherOptions } from './kafka-publisher.js';
export type { KafkaRoute } from './kafka-record.js';
export type { CloudEventsOptions } from '../cloud-events.js';
export { ClientMissingError } from '../client-missing.error.js';
