// oxlint-disable-next-line import/no-unassigned-import -- Nest's decorators need it before anything of theirs
import 'reflect-metadata';
import { Module, type DynamicModule, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Outbox, OutboxModule, outboxMigrations, OutboxRelay, type OutboxOptions } from 'nestjs-turnpike/outbox';
import { DataSource, type DataSourceOptions } from 'typeorm';

@Module({})
class BenchApp {}

export interface OutboxApp {
  readonly app: INestApplicationContext;
  readonly outbox: Outbox;
  readonly relay: OutboxRelay;
  readonly dataSource: DataSource;
}

/** An app with an outbox, as a user has it; on a database of its own, whose tables it makes. */
export async function startOutboxApp(database: DataSourceOptions, options: OutboxOptions): Promise<OutboxApp> {
  const module: DynamicModule = {
    module: BenchApp,
    imports: [
      TypeOrmModule.forRoot({ ...database, migrations: [...outboxMigrations], migrationsRun: true }),
      OutboxModule.forRoot(options),
    ],
  };
  const app = await NestFactory.createApplicationContext(module, { logger: ['error', 'warn'] });
  return { app, outbox: app.get(Outbox), relay: app.get(OutboxRelay), dataSource: app.get(DataSource) };
}

/** A database of its own on the server, empty; `drop` removes it. */
export async function newDatabase(
  serverUrl: string,
  name: string,
): Promise<{ readonly url: string; readonly options: DataSourceOptions; readonly drop: () => Promise<void> }> {
  const run = async (...statements: string[]): Promise<void> => {
    const dataSource = await new DataSource(optionsOf(serverUrl)).initialize();
    for (const statement of statements) await dataSource.query(statement);
    await dataSource.destroy();
  };
  const drop = `drop database if exists ${name}${serverUrl.startsWith('postgres') ? ' with (force)' : ''}`;
  await run(drop, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, options: optionsOf(url.href), drop: () => run(drop) };
}

const POOL_SIZE = 10;

export function optionsOf(url: string): DataSourceOptions {
  if (url.startsWith('postgres')) return { type: 'postgres', url, poolSize: POOL_SIZE };
  return { type: url.startsWith('mariadb') ? 'mariadb' : 'mysql', url, poolSize: POOL_SIZE };
}
