// Writing statements for every database
export { dialectOf, type DatabaseKind, type Dialect } from './dialect.js';
export type { Parameters } from './parameters.js';
export { checkTablePrefix, DEFAULT_TABLE_PREFIX } from './table-prefix.js';
export { byteWiseText } from './byte-wise-text.js';
export { execute, runnerOf, type Executed, type Executor } from './execute.js';

// Taking turns
export { whileLocked, type NamedLock } from './while-locked.js';

// Being woken by Postgres
export { PostgresListener } from './postgres-listener.js';

// Preparing a DataSource at start
export { serializeSqlite } from './serialize-sqlite.js';
export { checkServer } from './check-server.js';

// Errors
export {
  DialectError,
  NotificationsUnheardError,
  SqliteDeadlockError,
  UnsupportedDatabaseError,
} from './dialect.errors.js';
