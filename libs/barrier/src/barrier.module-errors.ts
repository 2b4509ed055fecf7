import { BarrierError } from './barrier.errors.js';

/** Two features of one name in an app. */
export class DuplicateBarrierError extends BarrierError {
  readonly code = 'TURNPIKE_BARRIER_DUPLICATE';

  constructor(barrier: string) {
    super(`The barrier "${barrier}" is there twice: name it in one forFeature(), and import that module elsewhere.`);
  }
}

/** forFeature without forRoot. */
export class BarrierModuleMissingError extends BarrierError {
  readonly code = 'TURNPIKE_BARRIER_MODULE_MISSING';

  constructor(barrier: string) {
    super(`The barrier "${barrier}" needs BarrierModule.forRoot() among the imports of your root module.`);
  }
}

/** The module keeps held keys in a DataSource that the app does not have. */
export class BarrierDataSourceError extends BarrierError {
  readonly code = 'TURNPIKE_BARRIER_DATA_SOURCE';

  constructor(name: string | undefined) {
    const which = name === undefined ? 'the default DataSource' : `the DataSource "${name}"`;
    super(`BarrierModule needs ${which}: import TypeOrmModule.forRoot() with it, or give the option \`store\`.`);
  }
}
