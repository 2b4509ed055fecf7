import { type NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule, type DemoOptions } from './app.module.js';
import { serveDocs } from './operations/docs.js';
import { endConnectionsOnClose } from './operations/end-connections.js';
import { servePage } from './story/page.js';

/** The demo, ready for `listen()` or, in a test, `init()`. */
export async function createApp(
  demo: DemoOptions,
  options: NestApplicationOptions = {},
): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(demo), options);
  serveDocs(app);
  servePage(app);
  endConnectionsOnClose(app.getHttpServer());
  return app;
}
