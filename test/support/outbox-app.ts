import type { INestApplicationContext, ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Outbox, OutboxModule, OutboxRelay, type OutboxOptions } from 'nestjs-turnpike/outbox';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from './databases.js';

export interface OutboxApp {
  readonly app: INestApplicationContext;
  readonly outbox: Outbox;
  readonly relay: OutboxRelay;
  readonly dataSource: DataSource;
}

/** A Nest app with an outbox on the database, as a user would write it. Close it with `app.close()`. */
export async function startOutboxApp(
  url: string,
  options: OutboxOptions = {},
  metadata: ModuleMetadata = {},
): Promise<OutboxApp> {
  const app = await Test.createTestingModule({
    ...metadata,
    imports: [
      TypeOrmModule.forRoot(dataSourceOptions(url)),
      OutboxModule.forRoot(options),
      ...(metadata.imports ?? []),
    ],
  }).compile();
  app.useLogger(false);
  await app.init();
  return { app, outbox: app.get(Outbox), relay: app.get(OutboxRelay), dataSource: app.get(DataSource) };
}
