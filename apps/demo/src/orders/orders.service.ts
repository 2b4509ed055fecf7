import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Transactional, TransactionHost } from '@nestjs-cls/transactional';
import type { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { Publishes } from 'nestjs-turnpike/outbox';
import { nextOf } from '../database/series.entity.js';
import { OrderLine } from './order-line.entity.js';
import { Order } from './order.entity.js';
import type { PlacedOrder } from './order.dto.js';
import type { PlaceOrder } from './place-order.dto.js';

@Injectable()
export class OrdersService {
  // Not @InjectRepository: a repository takes a connection of its own, and would write outside the transaction.
  constructor(private readonly host: TransactionHost<TransactionalAdapterTypeOrm>) {}

  /**
   * Saves the order and publishes it as `order.placed`, both or neither: @Transactional() opens the transaction, and
   * @Publishes(), below it and so inside, publishes what the method returns. The key has a customer's orders delivered in
   * the order of their numbers.
   */
  @Transactional()
  @Publishes<PlacedOrder>({ topic: 'order.placed', key: (order) => order.customerId })
  async place({ customerId, lines }: PlaceOrder): Promise<PlacedOrder> {
    const { tx } = this.host;
    const id = randomUUID();
    const number = await nextOf(`orders/${customerId}`, tx);
    const total = lines.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0);
    const placedAt = new Date();
    await tx.insert(Order, { id, customerId, number, total, placedAt });
    await tx.insert(
      OrderLine,
      lines.map(({ sku, quantity, unitPrice }, line) => ({ orderId: id, line, sku, quantity, unitPrice })),
    );
    return { id, customerId, number, total, placedAt: placedAt.toISOString(), lines };
  }

  async find(id: string): Promise<PlacedOrder | undefined> {
    const { tx } = this.host;
    const order = await tx.findOneBy(Order, { id });
    if (!order) return undefined;
    const { customerId, number, total, placedAt } = order;
    const lines = await tx.find(OrderLine, {
      select: { sku: true, quantity: true, unitPrice: true },
      where: { orderId: id },
      order: { line: 'ASC' },
    });
    return { id, customerId, number, total, placedAt: placedAt.toISOString(), lines };
  }
}
