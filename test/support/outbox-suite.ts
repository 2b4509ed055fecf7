import type { ModuleMetadata } from '@nestjs/common';
import { outboxMigrations, type OutboxMessage, type OutboxOptions } from 'nestjs-turnpike/outbox';
import { afterEach, beforeEach } from 'vitest';
import type { OpenDatabase, TestDatabase } from './databases.js';
import { startOutboxApp, type OutboxApp } from './outbox-app.js';

export interface OutboxSuite {
  readonly database: TestDatabase;
  /** A further app on the test's database; closed after the test. */
  start(options?: OutboxOptions, metadata?: ModuleMetadata): Promise<OutboxApp>;
  /** Publishes payloads of one key in a transaction; `more` is said of each message. */
  publish(
    app: OutboxApp,
    key: string | undefined,
    payloads: readonly unknown[],
    more?: Partial<OutboxMessage>,
  ): Promise<void>;
  /** How many rows a table has. */
  count(table: string): Promise<number>;
}

/** A database of its own for each test of the suite, with the outbox's tables, and apps on it. */
export function outboxSuite(open: OpenDatabase, migrations = outboxMigrations): OutboxSuite {
  let database: TestDatabase;
  const apps: OutboxApp[] = [];

  beforeEach(async () => {
    database = await open({ migrations: [...migrations] });
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map(({ app }) => app.close()));
    await database.close();
  });

  return {
    get database() {
      return database;
    },
    start: async (options, metadata) => {
      const app = await startOutboxApp(database.url, options, metadata);
      apps.push(app);
      return app;
    },
    publish: ({ outbox, dataSource }, key, payloads, more = {}) =>
      dataSource.transaction((tx) =>
        outbox.publish(tx, ...payloads.map((payload) => ({ topic: 't', key, payload, ...more }))),
      ),
    count: async (table) => {
      const [row] = await database.dataSource.query<{ amount: string | number }[]>(
        `select count(*) as amount from ${table}`,
      );
      return Number(row?.amount);
    },
  };
}
