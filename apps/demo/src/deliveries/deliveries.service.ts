import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { OnOutboxMessage, type DeliveryContext } from 'nestjs-turnpike/outbox';
import { DataSource, MoreThan } from 'typeorm';
import { nextOf } from '../database/series.entity.js';
import type { PlacedOrder } from '../orders/order.dto.js';
import { Breakdown } from './breakdown.entity.js';
import { Delivery } from './delivery.entity.js';
import type { DeliveryOfCustomer, DeliveryOfOrder } from './delivery.dto.js';

@Injectable()
export class DeliveriesService {
  constructor(@InjectDataSource() private readonly db: DataSource) {}

  /**
   * Called by the relay for every order, a customer's in the order of their numbers. What it writes with `tx` commits
   * together with the record that this consumer has seen the message: once per order, whatever crashes.
   *
   * The position is drawn from a series, so that positions become visible in their order and a follower can go on from the
   * last one it saw. An auto-increment is drawn before it is visible: the follower would pass over a transaction that drew
   * a lower one and committed later. The price is that deliveries take turns.
   */
  @OnOutboxMessage('order.placed', { consumer: 'deliveries' })
  async deliver({ id, customerId, number }: PlacedOrder, { tx }: Pick<DeliveryContext, 'tx'>): Promise<void> {
    if (await tx.existsBy(Breakdown, { customerId })) throw new Error('Deliveries to this customer are broken.');
    const position = await nextOf('deliveries', tx);
    await tx.insert(Delivery, { position, orderId: id, customerId, number, deliveredAt: new Date() });
  }

  /** From now on deliveries to the customer fail, until `mend`. */
  async break(customerId: string): Promise<void> {
    await this.db.manager.save(Breakdown, { customerId });
  }

  async mend(customerId: string): Promise<void> {
    await this.db.manager.delete(Breakdown, { customerId });
  }

  /** The next ones after a position, at most `limit`. */
  after(position: number, limit: number): Promise<Delivery[]> {
    return this.db.manager.find(Delivery, {
      where: { position: MoreThan(position) },
      order: { position: 'ASC' },
      take: limit,
    });
  }

  async ofOrder(orderId: string): Promise<DeliveryOfOrder[]> {
    const deliveries = await this.db.manager.find(Delivery, { where: { orderId }, order: { position: 'ASC' } });
    return deliveries.map(({ deliveredAt }) => ({ deliveredAt: deliveredAt.toISOString() }));
  }

  async ofCustomer(customerId: string): Promise<DeliveryOfCustomer[]> {
    const deliveries = await this.db.manager.find(Delivery, { where: { customerId }, order: { position: 'ASC' } });
    return deliveries.map(({ orderId, number, deliveredAt }) => ({
      orderId,
      number,
      deliveredAt: deliveredAt.toISOString(),
    }));
  }
}
