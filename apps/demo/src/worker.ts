import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { brokerSettings } from './broker/broker.js';
import { databaseUrl } from './database/database.js';

// A process that relays for the one that has started it (see story/workers.ts), and ends with it, however that one ends.
const app = await NestFactory.createApplicationContext(
  AppModule.forRoot({ databaseUrl: databaseUrl(), broker: brokerSettings() }),
  { logger: ['warn', 'error', 'fatal'] },
);
app.enableShutdownHooks([], { useProcessExit: true });
const end = (): boolean => process.kill(process.pid, 'SIGTERM');
if (process.connected) {
  process.once('disconnect', end);
  process.send?.('running');
} else {
  end();
}
