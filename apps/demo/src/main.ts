import { Logger } from '@nestjs/common';
import { checkInteger } from 'nestjs-turnpike/timing';
import { collectDefaultMetrics } from 'prom-client';
import type { AddressInfo } from 'node:net';
import { brokerSettings } from './broker/broker.js';
import { createApp } from './create-app.js';
import { databaseUrl } from './database/database.js';
import { MOST_WORKERS } from './story/workers.js';

const logger = new Logger('Demo');
const wantedPort = Number(process.env['PORT'] || 3000);
checkInteger('PORT', wantedPort, 0, 65_535);
const workers = Number(process.env['WORKERS'] || 1);
checkInteger('WORKERS', workers, 0, MOST_WORKERS);
const app = await createApp({ databaseUrl: databaseUrl(), broker: brokerSettings(), workers });
// Of the process, and so not the app's to register: a process can have two apps.
collectDefaultMetrics();
// Exit code 0 after a clean stop. Nest's default is to end by the signal, once more.
app.enableShutdownHooks([], { useProcessExit: true });

try {
  await app.listen(wantedPort);
} catch (error) {
  logger.error(`Cannot listen: ${String(error)}`);
  await app.close(); // gives back its leases, which another process waits for
  process.exit(1);
}

const { port } = app.getHttpServer().address() as AddressInfo;
logger.log(
  `Listening on http://localhost:${port}, where a page tells the story. Its interface: http://localhost:${port}/docs`,
);
