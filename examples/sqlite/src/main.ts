import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { OnOutboxMessage, Outbox, OutboxModule, outboxMigrations, type DeliveryContext } from 'nestjs-turnpike/outbox';
import { Column, DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity()
class Order {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'text' })
  customer!: string;

  @Column({ type: 'text' })
  item!: string;
}

/** What was mailed: written by the handler, in the transaction that remembers that the message was handled. */
@Entity()
class Mail {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'text' })
  text!: string;
}

@Injectable()
class Orders {
  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: Outbox,
  ) {}

  /** The order and its message are committed together, or not at all. */
  place(customer: string, item: string): Promise<Order> {
    return this.dataSource.transaction(async (tx) => {
      const order = await tx.save(Order, { customer, item });
      await this.outbox.publish(tx, { topic: 'order.placed', key: customer, payload: order });
      if (item === 'nothing') throw new Error('We do not sell nothing.');
      return order;
    });
  }
}

@Injectable()
class Mailer {
  private failed = false;

  /** Throws the first time, as a mail server might: the message comes again, and the customer's later ones wait for it. */
  @OnOutboxMessage('order.placed', { consumer: 'mailer' })
  async mail(order: Order, { tx }: DeliveryContext): Promise<void> {
    if (!this.failed) {
      this.failed = true;
      throw new Error('The mail server is tired.');
    }
    await tx.save(Mail, { text: `${order.customer}: your ${order.item} is on its way` });
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'better-sqlite3',
      database: process.env['DATABASE_FILE'] ?? 'shop.sqlite',
      entities: [Order, Mail],
      synchronize: true, // makes the shop's own tables; use migrations of your own in earnest
      migrations: [...outboxMigrations],
      migrationsRun: true,
    }),
    OutboxModule.forRoot(),
  ],
  providers: [Orders, Mailer],
})
class ShopModule {}

const app = await NestFactory.createApplicationContext(ShopModule, { logger: ['warn', 'error'] });
const [orders, dataSource] = [app.get(Orders), app.get(DataSource)];
const logger = new Logger('Shop');

await orders.place('ada', 'mug');
await orders.place('ada', 'nothing').catch((error: Error) => logger.warn(`Rolled back: ${error.message}`));
await orders.place('ada', 'teapot');

const mails = dataSource.getRepository(Mail);
while ((await mails.count()) < 2) await new Promise((resolve) => setTimeout(resolve, 50));
for (const { text } of await mails.find({ order: { id: 'asc' } })) console.log(text);
await app.close();
