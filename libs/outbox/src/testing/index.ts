export { RecordingPublisher } from './recording-publisher.js';
export { MemoryOutboxStorage, MemoryTransaction } from './memory-outbox-storage.js';
export { MemoryOutbox, type MemoryOutboxOptions } from './memory-outbox.js';
export { outboxStorageContract } from './outbox-storage-contract.js';
export type { OutboxStorageRule, StorageUnderTest } from './outbox-storage-rule.js';
