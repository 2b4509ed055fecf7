import { DEFAULT_TABLE_PREFIX, checkTablePrefix } from 'nestjs-turnpike/dialect';
import type { FactoryProvider, ModuleMetadata } from '@nestjs/common';
import { checkDuration, SystemClock, type Clock, type RetryPolicy } from 'nestjs-turnpike/timing';
import type { BarrierOptions } from './core/barrier-options.js';
import type { HeldKeyStore } from './core/held-key-store.js';
import type { PersistentBarrierOptions } from './core/persistent-barrier.js';

export interface BarrierHealthOptions {
  /** Health is down while a key has been held for longer. Default: 3,600,000 ms. */
  readonly maxHoldAgeMs?: number;
}

/** What holds for all barriers of the app. */
export interface BarrierModuleOptions extends BarrierHealthOptions {
  /** Where held keys are kept. Default: the app's DataSource, in the table of `barrierMigrations`. */
  readonly store?: HeldKeyStore;
  /** What the table's name begins with. Default: `turnpike_`. */
  readonly tablePrefix?: string;
  /** When a failed save is tried again. Default: exponential from 100 ms to 30 s, without end. */
  readonly retryPolicy?: RetryPolicy;
  /** How long a closing app waits for its holds to be stored. Default: 5,000 ms. */
  readonly closeTimeoutMs?: number;
  readonly clock?: Clock;
}

export type ResolvedBarrierModuleOptions = Readonly<
  Required<Omit<BarrierModuleOptions, 'store' | 'retryPolicy'>> & Pick<BarrierModuleOptions, 'store' | 'retryPolicy'>
>;

/** One barrier. `maxHoldAgeMs` holds for it alone. */
export type BarrierFeature<Key, JobId> = Omit<BarrierOptions<Key, JobId>, 'clock'> &
  Pick<PersistentBarrierOptions<Key, JobId>, 'name' | 'keyType' | 'jobIdType' | 'onWait' | 'onStoreError'> &
  BarrierHealthOptions;

/** The name must be known before the other options are. */
export interface AsyncBarrierFeature<Key, JobId>
  extends Pick<ModuleMetadata, 'imports'>, Pick<FactoryProvider, 'inject'> {
  readonly name: string;
  readonly useFactory: (
    ...dependencies: never[]
  ) => Omit<BarrierFeature<Key, JobId>, 'name'> | Promise<Omit<BarrierFeature<Key, JobId>, 'name'>>;
}

/** Fills in the defaults. Throws a RangeError that names the option when a value breaks its rule. */
export function resolveBarrierModuleOptions(options: BarrierModuleOptions = {}): ResolvedBarrierModuleOptions {
  const { tablePrefix = DEFAULT_TABLE_PREFIX, maxHoldAgeMs = 3_600_000, closeTimeoutMs = 5000 } = options;
  checkTablePrefix(tablePrefix);
  checkDuration('maxHoldAgeMs', maxHoldAgeMs);
  checkDuration('closeTimeoutMs', closeTimeoutMs);
  const { clock = new SystemClock(), store, retryPolicy } = options;
  return Object.freeze({ store, retryPolicy, tablePrefix, maxHoldAgeMs, closeTimeoutMs, clock });
}
