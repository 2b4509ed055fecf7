import { connect } from 'node:net';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  NonRetryableError,
  OutboxModule,
  OutboxRelay,
  PublishError,
  PublisherUnavailableError,
  type Publisher,
} from 'nestjs-turnpike/outbox';
import { fixed } from 'nestjs-turnpike/timing';
import { DataSource } from 'typeorm';
import { surviveCuts } from './survive-cuts.js';
import { hear, tell, type FromCollector, type ProcessOptions, type RelaySettings, type Result } from './wire.js';

/** A relay whose publisher asks the collector what becomes of each message. Ends in good order on SIGTERM. */
const { name, port, database, ...settings } = JSON.parse(process.argv[2] ?? '') as ProcessOptions & RelaySettings;
const { claimDurationMs, ordered = false, batchSize = 20, destinations, retry, deadLetter = 'hold' } = settings;
const { maxInFlight = 100, publishTimeoutMs = 30_000 } = settings;

const collector = connect(port, '127.0.0.1').setNoDelay(true);
const calls = new Map<number, (results: readonly Result[]) => void>();
let lastCall = 0;

collector.on('close', () => process.exit(1)); // the test is over
hear(collector, (line) => {
  const heard = line as FromCollector;
  if (heard.kind === 'exit') process.exit(1);
  if (heard.kind === 'results') calls.get(heard.call)?.(heard.results);
});
tell(collector, { kind: 'hello', name });

function errorOf({ kind, text }: NonNullable<Result>): Error {
  if (kind === 'never') return new NonRetryableError(text);
  return kind === 'unavailable' ? new PublisherUnavailableError(text) : new Error(text);
}

const publisher: Publisher = {
  ordered,
  batchSize,
  publish: async (messages) => {
    const call = (lastCall += 1);
    const answered = new Promise<readonly Result[]>((resolve) => calls.set(call, resolve));
    tell(collector, {
      kind: 'publish',
      call,
      messages: messages.map(({ id, key, attempt }) => ({ id, key, attempt })),
    });
    const results = await answered;
    calls.delete(call);
    if (results.some((result) => result !== null)) {
      throw new PublishError(results.map((result) => (result === null ? undefined : errorOf(result))));
    }
  },
};

@Module({})
class Root {}
const outbox = OutboxModule.forRoot({
  ...(destinations
    ? { publishers: Object.fromEntries(destinations.map((one) => [one, publisher])), route: () => [] }
    : { publisher }),
  retry: fixed(...retry),
  deadLetter: { key: deadLetter },
  relay: { processorId: name, claimDurationMs, maxInFlight, publishTimeoutMs, processIntervalMs: 200 },
});
const app = await NestFactory.createApplicationContext(
  { module: Root, imports: [TypeOrmModule.forRoot(database), outbox] },
  { logger: ['error'] },
);
surviveCuts(app.get(DataSource));
const relay = app.get(OutboxRelay);
let takenOver = 0;
const assign = relay.assign.bind(relay);
relay.assign = (shards, how) => {
  if (how?.afterExpiry) takenOver += shards.length;
  assign(shards, how);
};
const reporting = setInterval(() => {
  const { shards, heldKeys, foundLate, deadLettered } = relay.stats();
  const rssBytes = process.memoryUsage.rss();
  tell(collector, { kind: 'vitals', vitals: { shards, takenOver, heldKeys, foundLate, deadLettered, rssBytes } });
}, 50);

process.once('SIGTERM', () => {
  clearInterval(reporting);
  void app.close().then(() => process.exit(0));
});
