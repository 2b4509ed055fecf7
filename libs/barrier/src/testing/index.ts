// Running without a database
export { MemoryHeldKeyStore } from '../core/memory-held-key-store.js';

// Implementing a store
export { heldKeyStoreContract, type HeldKeyStoreRule } from './held-key-store-contract.js';
