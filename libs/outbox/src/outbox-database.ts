import { checkServer, serializeSqlite } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import type { ResolvedOutboxOptions } from './outbox.options.js';
import { OutboxSetupError } from './outbox.errors.js';
import { shardsOfSchema } from './typeorm/check-schema.js';
import { TypeOrmOutboxOperations } from './typeorm/operations.js';
import { outboxDb, type OutboxDb } from './typeorm/outbox-db.js';
import { TypeOrmOutboxStorage } from './typeorm/typeorm-outbox-storage.js';

/** The outbox's database, found fit for use. */
export class OutboxDatabase {
  readonly storage: TypeOrmOutboxStorage;
  readonly operations: TypeOrmOutboxOperations;

  private constructor(
    readonly db: OutboxDb,
    /** How many the tables were made for. */
    readonly shards: number,
  ) {
    this.storage = new TypeOrmOutboxStorage(db);
    this.operations = new TypeOrmOutboxOperations(db);
  }

  get dataSource(): DataSource {
    return this.db.dataSource;
  }

  /** Stops the start when there is no DataSource, its server is too old, or the tables are missing or do not fit. */
  static async open(dataSource: DataSource | undefined, options: ResolvedOutboxOptions): Promise<OutboxDatabase> {
    if (!dataSource) {
      throw new OutboxSetupError(
        'OutboxModule needs a DataSource: import TypeOrmModule.forRoot(...), and name it in OutboxModule.forRoot({ ' +
          'dataSource }) when it is not the default one.',
      );
    }
    serializeSqlite(dataSource);
    await checkServer(dataSource);
    const db = outboxDb(dataSource, options);
    return new OutboxDatabase(db, await shardsOfSchema(db, options.shards));
  }
}
