import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiProperty, ApiTags } from '@nestjs/swagger';
import { RevenueService } from './revenue.service.js';

export class RevenueOfSku {
  @ApiProperty({ example: 'mug' })
  sku!: string;

  @ApiProperty({ example: 1000, type: 'integer', description: 'In cents, of what was delivered.' })
  revenue!: number;
}

@ApiTags('revenue')
@Controller('revenue')
export class RevenueController {
  constructor(private readonly revenue: RevenueService) {}

  @Get()
  @ApiOkResponse({ type: [RevenueOfSku] })
  perSku(): Promise<RevenueOfSku[]> {
    return this.revenue.perSku();
  }
}
