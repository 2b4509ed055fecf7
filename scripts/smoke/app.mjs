// An app as small as it gets, in plain JavaScript: what a decorator does is called by hand. It publishes a message in a
// transaction, sees it delivered, and ends by itself once the app is closed: nothing is left running.

import { once, EventEmitter } from 'node:events';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { OnOutboxMessage, Outbox, OutboxModule, outboxMigrations } from 'nestjs-turnpike/outbox';

const deliveries = new EventEmitter();

class Greetings {
  greet(payload) {
    deliveries.emit('delivered', payload);
  }
}
const greet = Object.getOwnPropertyDescriptor(Greetings.prototype, 'greet');
OnOutboxMessage('greeting', { consumer: 'smoke' })(Greetings.prototype, 'greet', greet);

// oxlint-disable-next-line typescript/no-extraneous-class
class AppModule {}
const database = {
  type: 'better-sqlite3',
  database: 'app.sqlite',
  migrations: outboxMigrations,
  migrationsRun: true,
};
Module({ imports: [TypeOrmModule.forRoot(database), OutboxModule.forRoot()], providers: [Greetings] })(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error'] });
const delivered = once(deliveries, 'delivered', { signal: AbortSignal.timeout(10_000) });
await app
  .get(getDataSourceToken())
  .transaction((manager) =>
    app.get(Outbox).publish(manager, { topic: 'greeting', key: 'world', payload: { text: 'hello' } }),
  );
const [payload] = await delivered;
if (payload.text !== 'hello') throw new Error(`delivered something else: ${JSON.stringify(payload)}`);
await app.close();
console.log('published, delivered, closed');
