import { Module } from '@nestjs/common';
import { QueueModule } from 'nestjs-turnpike/queue';
import { DeliveriesModule } from '../deliveries/deliveries.module.js';
import { RevenueController } from './revenue.controller.js';
import { RevenueFollower } from './revenue.follower.js';
import { RevenueService } from './revenue.service.js';
import { mergedBySku, type SkuSales } from './sku-sales.js';

/** How many sales a batch holds, and a worker takes at a time: what fits one statement on every database. */
const SALES_PER_BATCH = 500;
const BATCHES = 10;

/** Step 3: what was delivered is added up per product. */
@Module({
  imports: [
    DeliveriesModule,
    QueueModule.registerQueue<SkuSales>({
      name: 'revenue',
      dataSource: true,
      buffer: mergedBySku(),
      flushSize: SALES_PER_BATCH,
      flushPushes: SALES_PER_BATCH,
      batches: BATCHES,
    }),
  ],
  controllers: [RevenueController],
  providers: [RevenueFollower, RevenueService],
  exports: [RevenueService],
})
export class RevenueModule {}
