// Setting up
export { OutboxModule } from './outbox.module.js';
export type { DeadLetterOptions, InboxOptions, OutboxOptions, RelayOptions } from './outbox.options.js';
export { InjectOutbox, outboxToken } from './outbox.tokens.js';
export { outboxMigrations, outboxMigrationsFor } from './typeorm/migrations.js';
export {
  createOutboxTables,
  dropOutboxTables,
  type OutboxTablesOptions,
} from './typeorm/create-outbox-tables.migration.js';
export {
  DeadLetterEntity,
  InboxEntity,
  outboxEntities,
  OutboxEntryEntity,
  OutboxParkedEntity,
} from './typeorm/outbox-entities.js';

// Publishing
export { Outbox } from './outbox.js';
export { Publishes, type PublishesOptions } from './decorators/publishes.decorator.js';
export type { OutboxMessage } from './core/message.js';
export { currentNamespace, withNamespace } from './namespace.js';
export type { PayloadCodec } from './core/payload-codec.js';

// Handling messages in this process
export {
  OnOutboxMessage,
  type DeliveryContext,
  type OnOutboxMessageOptions,
} from './decorators/on-outbox-message.decorator.js';
export { Inbox } from './inbox.js';

// Sending them elsewhere
export type { Publisher, PublishContext } from './core/publisher.js';
export type { OutgoingMessage } from './core/message.js';
export { NonRetryableError, PublishError, PublisherUnavailableError } from './outbox.errors.js';

// Operating
export { OutboxRelay } from './core/relay.js';
export type { DestinationStats, PumpResult, RelayStats } from './core/relay-types.js';
export {
  DeadLetters,
  HeldKeyList,
  type DeadLetterSelection,
  type ListOptions as DeadLetterListOptions,
} from './dead-letters.js';
export { OutboxOperator, type OutboxOperatorOptions } from './outbox-operator.js';
export { OutboxPauses } from './outbox-pauses.js';
export type { DeadLetter, DeadLetterFilter, HeldKeyInfo, OutboxOperations, Pause } from './core/outbox-operations.js';
export type { FailedAttempt, OrderKey } from './core/message.js';
export { OutboxStatus, type ShardOwner } from './outbox-status.js';
export { OutboxHealthIndicator, type OutboxHealthOptions } from './outbox.health.js';

// Implementing a storage
export type {
  Backlog,
  Change,
  ClaimedShard,
  DueEntries,
  Head,
  HeldKey,
  OpenedShard,
  OperatorRequest,
  OutboxStorage,
  ReadFrom,
  Rearranged,
} from './core/outbox-storage.js';
export type { NewEntry, ParkedEntry, StoredEntry } from './core/message.js';

// Errors
export { EmptyFilterError } from './dead-letters.js';
export {
  ForeignTransactionError,
  InvalidMessageError,
  NoHandlerError,
  OutboxError,
  OutboxSchemaError,
  OutboxSetupError,
  PublishLockTimeoutError,
  TransactionRequiredError,
  UnknownDestinationError,
} from './outbox.errors.js';
