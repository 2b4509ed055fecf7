import { dialectOf, type DatabaseKind } from 'nestjs-turnpike/dialect';
import { DataSource, type DataSourceOptions } from 'typeorm';

/** SQLite needs none: a file's first process has made the tables before it starts others. */
const LOCKS: Record<DatabaseKind, { readonly take: string; readonly release: string } | undefined> = {
  postgres: { take: 'select pg_advisory_lock(1764)', release: 'select pg_advisory_unlock(1764)' },
  mysql: { take: `select get_lock('demo.migrations', 3600)`, release: `select release_lock('demo.migrations')` },
  sqlite: undefined,
};

/**
 * Connects and brings the tables up to date. TypeORM itself (`migrationsRun`) would let two processes that start together
 * on an empty database both create them, and one of the two would fail.
 */
export async function openMigrated(options: DataSourceOptions): Promise<DataSource> {
  const dataSource = await new DataSource(options).initialize();
  const lock = LOCKS[dialectOf(dataSource).kind];
  const runner = dataSource.createQueryRunner();
  try {
    if (lock) await runner.query(lock.take);
    await dataSource.runMigrations();
    if (lock) await runner.query(lock.release);
    await runner.release();
    return dataSource;
  } catch (error) {
    await dataSource.destroy(); // which gives the lock back too
    throw error;
  }
}
