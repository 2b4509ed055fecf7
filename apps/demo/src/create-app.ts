import { type NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { serveDocs } from './operations/docs.js';
import { endConnectionsOnClose } from './operations/end-connections.js';

/** The demo on the given database, ready for `listen()` or, in a test, `init()`. */
export async function createApp(
  databaseUrl: string,
  options: NestApplicationOptions = {},
): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot({ databaseUrl }), options);
  serveDocs(app);
  endConnectionsOnClose(app.getHttpServer());
  return app;
}
