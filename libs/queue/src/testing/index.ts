export { MemoryBatchStore } from '../core/memory-batch-store.js';
export { batchStoreContract, type BatchStoreRule, type OpenBatchStores } from './batch-store-contract.js';
