import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { BROKER_URL, EXCHANGE } from './broker.js';
import { Mails } from './mails.js';
import { Mail } from './mail.entity.js';
import { Orders } from './orders.js';
import { ShopModule } from './shop.module.js';

const app = await NestFactory.createApplicationContext(ShopModule, { logger: ['warn', 'error'] });
const consumer = await app.get(Mails).consume(BROKER_URL, EXCHANGE);

const orders = app.get(Orders);
await orders.place('ada', 'mug');
await orders.place('ada', 'nothing').catch(() => undefined); // rolled back: no order, no message
await orders.place('ada', 'teapot');

const mails = app.get(DataSource).getRepository(Mail);
while ((await mails.count()) < 2) await new Promise((resolve) => setTimeout(resolve, 50));
for (const { text } of await mails.find({ order: { id: 'asc' } })) console.log(text);
await consumer.close();
await app.close();
