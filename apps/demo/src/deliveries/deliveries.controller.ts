import { Controller, Get, Query } from '@nestjs/common';
import { ApiBadRequestResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { DeliveriesService } from './deliveries.service.js';
import { DeliveriesOf, DeliveryOfCustomer } from './delivery.dto.js';

@ApiTags('deliveries')
@Controller('deliveries')
export class DeliveriesController {
  constructor(private readonly deliveries: DeliveriesService) {}

  /** A customer's deliveries, the first one first. */
  @Get()
  @ApiOkResponse({ type: [DeliveryOfCustomer] })
  @ApiBadRequestResponse({ description: 'Names each field that is wrong.' })
  ofCustomer(@Query() { customerId }: DeliveriesOf): Promise<DeliveryOfCustomer[]> {
    return this.deliveries.ofCustomer(customerId);
  }
}
