export { contend, type ContentionResult } from './contention.js';
export { leaseStoreContract, type LeaseStoreHarness, type LeaseStoreRule } from './lease-store-contract.js';
export { lessorContract, type LessorRule } from './lessor-contract.js';
export { MemoryLeaseStore } from '../core/memory-lease-store.js';
