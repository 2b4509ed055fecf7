// Publishing to RabbitMQ; an entry of its own, so that nobody else needs amqplib
export { RabbitMqPublisher, type RabbitMqPublisherOptions } from './rabbitmq-publisher.js';
export type { RabbitMqRoute } from './publication.js';
export type { CloudEventsOptions } from '../cloud-events.js';
export { ClientMissingError } from '../client-missing.error.js';
