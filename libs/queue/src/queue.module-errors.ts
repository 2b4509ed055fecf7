import { QueueError } from './queue.errors.js';

/** Two registrations of one name in an app. */
export class DuplicateQueueError extends QueueError {
  readonly code = 'TURNPIKE_QUEUE_DUPLICATE';

  constructor(queue: string) {
    super(`The queue "${queue}" is registered twice: register it in one module, and import that module elsewhere.`);
  }
}

/** A queue, its processor and their number do not fit: no processor, more than one, or one without a queue. */
export class QueueProcessorError extends QueueError {
  readonly code = 'TURNPIKE_QUEUE_PROCESSOR';
}

/** registerQueue without forRoot. */
export class QueueModuleMissingError extends QueueError {
  readonly code = 'TURNPIKE_QUEUE_MODULE_MISSING';

  constructor(queue: string) {
    super(`The queue "${queue}" needs QueueModule.forRoot() among the imports of your root module.`);
  }
}

/** The queue asks for a DataSource that the app does not have. */
export class QueueDataSourceError extends QueueError {
  readonly code = 'TURNPIKE_QUEUE_DATA_SOURCE';

  constructor(queue: string, dataSource: boolean | string) {
    const which = typeof dataSource === 'string' ? `the DataSource "${dataSource}"` : 'the default DataSource';
    super(`The queue "${queue}" needs ${which}: import TypeOrmModule.forRoot() with it.`);
  }
}
