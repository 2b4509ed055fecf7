import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { isInt, isUUID, isString } from 'class-validator';
import { Inbox } from 'nestjs-turnpike/outbox';
import { DataSource } from 'typeorm';
import { DeliveriesService } from '../deliveries/deliveries.service.js';
import type { PlacedOrder } from '../orders/order.dto.js';
import type { Arrival } from './source.js';

@Injectable()
export class ReceivedOrders {
  private readonly logger = new Logger(ReceivedOrders.name);

  constructor(
    @InjectDataSource() private readonly db: DataSource,
    private readonly inbox: Inbox,
    private readonly deliveries: DeliveriesService,
  ) {}

  /**
   * Delivers an order that came from the broker, once however often it comes: the delivery and the record that its message
   * was seen commit together. The consumer's name is that of `DeliveriesService`, so what was delivered without a broker is
   * not delivered again with one.
   */
  async receive({ id, body }: Arrival): Promise<void> {
    const order = orderIn(body);
    if (!order || id === '') {
      this.logger.warn(`The broker has brought something that is no order, and it is passed over: ${id || 'no id'}`);
      return;
    }
    await this.db.transaction((tx) =>
      this.inbox.processInTransaction(tx, 'deliveries', id, () => this.deliveries.deliver(order, { tx })),
    );
  }
}

/** Anyone may put anything into a broker. */
function orderIn(body: string): PlacedOrder | undefined {
  try {
    const order = JSON.parse(body) as PlacedOrder;
    return isUUID(order.id) && isString(order.customerId) && isInt(order.number) ? order : undefined;
  } catch {
    return undefined;
  }
}
