import { TypeOrmCheckpointStore } from 'nestjs-turnpike/checkpoint';
import { checkServer, serializeSqlite } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import type { OutboxStorage } from './core/outbox-storage.js';
import { OutboxSetupError } from './outbox.errors.js';
import { shardsOfSchema } from './typeorm/check-schema.js';
import { TypeOrmOutboxStorage } from './typeorm/typeorm-outbox-storage.js';

/** The outbox's database, found fit for use. */
export class OutboxDatabase {
  private constructor(
    readonly dataSource: DataSource,
    readonly storage: OutboxStorage,
    /** How many the tables were made for. */
    readonly shards: number,
  ) {}

  /** Stops the start when there is no DataSource, its server is too old, or the tables are missing. */
  static async open(dataSource: DataSource | undefined): Promise<OutboxDatabase> {
    if (!dataSource) {
      throw new OutboxSetupError(
        'OutboxModule needs a DataSource: import TypeOrmModule.forRoot(...), and name it in OutboxModule.forRoot({ ' +
          'dataSource }) when it is not the default one.',
      );
    }
    serializeSqlite(dataSource);
    await checkServer(dataSource);
    const shards = await shardsOfSchema(dataSource);
    return new OutboxDatabase(
      dataSource,
      new TypeOrmOutboxStorage(dataSource, new TypeOrmCheckpointStore(dataSource)),
      shards,
    );
  }
}
