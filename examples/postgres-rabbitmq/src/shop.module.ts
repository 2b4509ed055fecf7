import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { OutboxModule, outboxMigrations } from 'nestjs-turnpike/outbox';
import { RabbitMqPublisher } from 'nestjs-turnpike/outbox/rabbitmq';
import { BROKER_URL, EXCHANGE } from './broker.js';
import { Mail } from './mail.entity.js';
import { Mails } from './mails.js';
import { Order } from './order.entity.js';
import { Orders } from './orders.js';

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres',
      entities: [Order, Mail],
      synchronize: true, // makes the shop's own tables; use migrations of your own in earnest
      migrations: [...outboxMigrations],
      migrationsRun: true,
    }),
    OutboxModule.forRoot({ publisher: new RabbitMqPublisher({ url: BROKER_URL, exchange: EXCHANGE }) }),
  ],
  providers: [Orders, Mails],
})
export class ShopModule {}
