// Setting up
export { lessorMigrations } from './typeorm/migrations.js';

// Ranges of keys
export { Partition, type ScanDensity } from './core/partition.js';
export { SortedPartitions } from './core/sorted-partitions.js';

// Working on what nobody else works on
export { StoreLessor, type Lease, type Lessor, type StoreLessorOptions, type WithLeaseOptions } from './core/lessor.js';

// Keeping a fair share
export { LeaseBalancer, type LeaseBalancerOptions } from './core/lease-balancer.js';

// Where leases are kept
export { MemoryLeaseStore } from './core/memory-lease-store.js';
export { TypeOrmLeaseStore, type TypeOrmLeaseStoreOptions } from './typeorm/typeorm-lease-store.js';

// Implementing a store or a lessor
export type { GrantedPart, LeaseGrant, LeaseRequest, LeaseStore, LeasedPart, Member } from './core/lease-store.js';
export type { LeaseObserver } from './core/lease-observer.js';

// Errors
export { LeaseEndedError, LeaseStoreTimeoutError, LessorError, PartitionError } from './lessor.errors.js';
