import { Body, Controller, Get, NotFoundException, Param, Post } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiCreatedResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import { isUUID } from 'class-validator';
import { DeliveriesService } from '../deliveries/deliveries.service.js';
import { OrderWithDeliveries, PlacedOrder } from './order.dto.js';
import { OrdersService } from './orders.service.js';
import { PlaceOrder } from './place-order.dto.js';

@ApiTags('orders')
@Controller('orders')
export class OrdersController {
  constructor(
    private readonly orders: OrdersService,
    private readonly deliveries: DeliveriesService,
  ) {}

  @Post()
  @ApiCreatedResponse({ type: PlacedOrder })
  @ApiBadRequestResponse({ description: 'Names each field that is wrong.' })
  place(@Body() order: PlaceOrder): Promise<PlacedOrder> {
    return this.orders.place(order);
  }

  @Get(':id')
  @ApiOkResponse({ type: OrderWithDeliveries })
  @ApiNotFoundResponse()
  async find(@Param('id') id: string): Promise<OrderWithDeliveries> {
    const order = isUUID(id) ? await this.orders.find(id) : undefined;
    if (!order) throw new NotFoundException(`There is no order ${id}.`);
    return Object.assign(order, { deliveries: await this.deliveries.ofOrder(id) });
  }
}
