// Setting up
export { OutboxModule } from './outbox.module.js';
export type { OutboxOptions, RelayOptions } from './outbox.options.js';
export { outboxMigrations } from './typeorm/migrations.js';
export { InboxEntity, outboxEntities, OutboxEntryEntity, OutboxParkedEntity } from './typeorm/outbox-entities.js';
export { createOutboxTables, dropOutboxTables } from './typeorm/create-outbox-tables.migration.js';

// Publishing
export { Outbox } from './outbox.js';
export { Publishes, type PublishesOptions } from './decorators/publishes.decorator.js';
export type { OutboxMessage } from './core/message.js';

// Handling messages in this process
export { OnOutboxMessage, type DeliveryContext } from './decorators/on-outbox-message.decorator.js';
export { Inbox } from './inbox.js';

// Sending them elsewhere
export type { Publisher, PublishContext } from './core/publisher.js';
export type { OutgoingMessage } from './core/message.js';
export { NonRetryableError, PublishError, PublisherUnavailableError } from './outbox.errors.js';

// Operating
export { OutboxRelay, type PumpResult, type RelayStats } from './core/relay.js';
export { OutboxHealthIndicator } from './outbox.health.js';

// Errors
export {
  ForeignTransactionError,
  InvalidMessageError,
  NoHandlerError,
  OutboxError,
  OutboxSchemaError,
  OutboxSetupError,
  TransactionRequiredError,
} from './outbox.errors.js';
