// Setting up
export { LessorModule } from './lessor.module.js';
export type { LessorExtras } from './lessor.module-definition.js';
export type { LessorOptions } from './lessor.options.js';
export { InjectLessor, LESSOR } from './lessor.decorators.js';
export { LeaseEntity } from './typeorm/lease.entity.js';
export { lessorMigrations, lessorMigrationsFor } from './typeorm/migrations.js';

// Ranges of keys
export { Partition, type ScanDensity } from './core/partition.js';
export { SortedPartitions } from './core/sorted-partitions.js';

// Working on what nobody else works on
export { StoreLessor, type Lease, type Lessor, type StoreLessorOptions, type WithLeaseOptions } from './core/lessor.js';

// Keeping a fair share
export { LeaseBalancers, type OpenBalancerOptions } from './lease-balancers.js';
export { LeaseBalancer } from './core/lease-balancer.js';
export type { LeaseBalancerOptions } from './core/lease-balancer-options.js';

// Sweeping up leftovers
export { Sweeper, type SweeperOptions, type SweepResult } from './core/sweeper.js';

// Operating
export { LessorHealthIndicator } from './lessor.health.js';

// Where leases are kept
export type { HeldLease } from './typeorm/lease-statements.js';
export { MemoryLeaseStore } from './core/memory-lease-store.js';
export { TypeOrmLeaseStore, type TypeOrmLeaseStoreOptions } from './typeorm/typeorm-lease-store.js';

// Implementing a store or a lessor
export { LessorRegistry, type LessorFactory } from './core/lessor-registry.js';
export type { GrantedPart, LeaseGrant, LeaseRequest, LeaseStore, LeasedPart, Member } from './core/lease-store.js';
export type { LeaseObserver } from './core/lease-observer.js';

// Errors
export {
  BalancingUnsupportedError,
  DuplicateLessorError,
  LeaseEndedError,
  LeaseStoreTimeoutError,
  LessorDataSourceError,
  LessorError,
  PartitionError,
  UnknownLessorError,
} from './lessor.errors.js';
