import { ApiProperty } from '@nestjs/swagger';
import { IsName } from '../is-name.js';

export class DeliveriesOf {
  @ApiProperty({ example: 'c1' })
  @IsName()
  customerId!: string;
}

export class DeliveryOfOrder {
  @ApiProperty({ format: 'date-time' })
  deliveredAt!: string;
}

export class DeliveryOfCustomer extends DeliveryOfOrder {
  @ApiProperty({ format: 'uuid' })
  orderId!: string;

  @ApiProperty({ example: 1, type: 'integer', description: "The order's number." })
  number!: number;
}
