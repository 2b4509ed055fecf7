import { Body, Controller, Get, Header, Post } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DashboardModule } from 'nestjs-turnpike/dashboard';
import {
  NonRetryableError,
  Outbox,
  OutboxModule,
  PublishError,
  type OutgoingMessage,
  type Publisher,
} from 'nestjs-turnpike/outbox';
import { fixed } from 'nestjs-turnpike/timing';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from './databases.js';

interface Order {
  readonly customer: string;
  readonly note: string;
}

/** Delivers orders; a customer's may fail or be refused for as long as a test wants. */
export class Courier implements Publisher {
  readonly batchSize = 1;
  readonly failing = new Set<string>();
  readonly refused = new Set<string>();
  readonly delivered: string[] = [];
  /** When the first delivery failed, by the machine's clock. */
  failedAtMs: number | undefined;

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    const errors = messages.map(({ payload, key = '' }) => {
      if (this.refused.has(key)) return new NonRetryableError(`${key} <b>refused</b> it`);
      if (this.failing.has(key)) {
        this.failedAtMs ??= Date.now();
        return new Error(`${key} is not at home`);
      }
      return void this.delivered.push((payload as Order).note);
    });
    if (errors.some((error) => error !== undefined)) throw new PublishError(errors);
  }
}

const PAGE = `<!doctype html><title>Shop</title><link rel="icon" href="data:,">
<label>Customer <input id="customer" value="ann"></label> <label>Note <input id="note"></label>
<button onclick="fetch('/orders', { method: 'POST', headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ customer: customer.value, note: note.value }) }).then(() => placed.value++)">Place the order</button>
<output id="placed">0</output>`;

@Controller()
class Shop {
  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: Outbox,
  ) {}

  @Get('shop')
  @Header('content-type', 'text/html')
  page(): string {
    return PAGE;
  }

  @Post('orders')
  async place(@Body() order: Order): Promise<void> {
    await this.dataSource.transaction((tx) =>
      this.outbox.publish(tx, { topic: 'order.placed', key: order.customer, payload: order }),
    );
  }
}

/** An app with a page where orders are placed, and a dashboard. It listens, on the port if one is given. */
export async function startShop(url: string, courier: Courier, port = 0): Promise<NestExpressApplication> {
  const relay = { claimDurationMs: 1000, processorId: 'web-1' };
  const module = await Test.createTestingModule({
    imports: [
      TypeOrmModule.forRoot(dataSourceOptions(url)),
      OutboxModule.forRoot({ publisher: courier, retry: fixed(0, 300), relay }),
      DashboardModule.forRoot(),
    ],
    controllers: [Shop],
  }).compile();
  const app = module.createNestApplication<NestExpressApplication>();
  app.useLogger(false);
  await app.listen(port, '127.0.0.1');
  return app;
}
