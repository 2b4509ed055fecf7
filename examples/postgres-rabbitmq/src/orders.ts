import { Injectable } from '@nestjs/common';
import { Outbox } from 'nestjs-turnpike/outbox';
import { DataSource } from 'typeorm';
import { Order } from './order.entity.js';

@Injectable()
export class Orders {
  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: Outbox,
  ) {}

  /** The order and its message are committed together, or not at all. The broker need not be there. */
  place(customer: string, item: string): Promise<Order> {
    return this.dataSource.transaction(async (tx) => {
      const order = await tx.save(Order, { customer, item });
      await this.outbox.publish(tx, { topic: 'order.placed', key: customer, payload: order });
      if (item === 'nothing') throw new Error('We do not sell nothing.');
      return order;
    });
  }
}
