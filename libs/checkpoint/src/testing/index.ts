// Running without a database
export { MemoryCheckpointStore } from './memory-checkpoint-store.js';

// Implementing a store
export { checkpointStoreContract, type CheckpointStoreRule } from './checkpoint-store-contract.js';
