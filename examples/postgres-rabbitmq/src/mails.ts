import { Injectable } from '@nestjs/common';
import { connect } from 'amqplib';
import { Inbox } from 'nestjs-turnpike/outbox';
import { Mail } from './mail.entity.js';
import type { Order } from './order.entity.js';

/** At the other end of the broker; in earnest, an app of its own with a database of its own. */
@Injectable()
export class Mails {
  constructor(private readonly inbox: Inbox) {}

  /** A message may come more than once: the inbox sees to it that it is handled once. */
  async consume(url: string, exchange: string): Promise<{ close(): Promise<void> }> {
    const connection = await connect(url);
    const channel = await connection.createChannel();
    await channel.assertExchange(exchange, 'topic', { autoDelete: true });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, exchange, 'order.*');
    await channel.prefetch(1); // one after the other: in the order of the queue
    await channel.consume(queue, (message) => {
      if (!message) return;
      const order = JSON.parse(message.content.toString()) as Order;
      const id = String(message.properties.messageId);
      void this.inbox
        .process('mails', id, async (tx) => {
          await tx.save(Mail, { text: `${order.customer}: your ${order.item} is on its way` });
        })
        .then(
          () => channel.ack(message),
          () => channel.nack(message),
        );
    });
    return connection;
  }
}
