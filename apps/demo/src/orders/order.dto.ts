import { ApiProperty } from '@nestjs/swagger';
import { DeliveryOfOrder } from '../deliveries/delivery.dto.js';
import { PlaceOrderLine } from './place-order.dto.js';

/** An order as it was placed; also what is published of it. */
export class PlacedOrder {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ example: 'c1' })
  customerId!: string;

  @ApiProperty({ example: 1, type: 'integer', description: 'Counts up from 1 for each customer.' })
  number!: number;

  @ApiProperty({ example: 1000, type: 'integer', description: 'In cents.' })
  total!: number;

  @ApiProperty({ format: 'date-time' })
  placedAt!: string;

  @ApiProperty({ type: [PlaceOrderLine] })
  lines!: PlaceOrderLine[];
}

export class OrderWithDeliveries extends PlacedOrder {
  @ApiProperty({ type: [DeliveryOfOrder], description: 'Empty until it is delivered; then it holds one.' })
  deliveries!: DeliveryOfOrder[];
}
