import { setTimeout as sleep } from 'node:timers/promises';
import { PublishError, type OutgoingMessage, type Publisher } from 'nestjs-turnpike/outbox';
import { fixed } from 'nestjs-turnpike/timing';
import { newDatabase, startOutboxApp, type OutboxApp } from './outbox-app.js';
import { message, publishMany } from './outbox-messages.js';
import type { BenchResult } from './support/bench.js';
import { median } from './support/measure.js';
import { printLine } from './support/print.js';

const BEHIND = 100_000;
const OTHERS = 100_000;
const RUNS = 5;
const HELD = 'held';

/** Refuses one key, and takes all else. */
class RefusingPublisher implements Publisher {
  readonly batchSize = 1000;
  taken = 0;
  refused = 0;

  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    const refused = messages.filter(({ key }) => key === HELD).length;
    this.refused += refused;
    this.taken += messages.length - refused;
    if (refused === 0) return Promise.resolve();
    const errors = messages.map(({ key }) => (key === HELD ? new Error('refused') : undefined));
    return Promise.reject(new PublishError(errors));
  }
}

/**
 * What a key that fails for ever, tried every 100 ms, with 100,000 messages waiting behind it costs the others: messages a
 * second that are delivered and deleted, in turns without such a key and with it; on a local Postgres (POSTGRES_URL).
 */
export default async function outboxHeldKey(): Promise<BenchResult> {
  const postgresUrl = process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
  const [free, held] = [
    await newDatabase(postgresUrl, 'turnpike_bench_free'),
    await newDatabase(postgresUrl, 'turnpike_bench_held'),
  ];
  const settings = { retry: fixed(0, 100), relay: { batchSize: 4000, maxInFlight: 4000 } };
  const publishers = { free: new RefusingPublisher(), held: new RefusingPublisher() };
  const apps = {
    free: await startOutboxApp(free.options, { ...settings, publisher: publishers.free }),
    held: await startOutboxApp(held.options, { ...settings, publisher: publishers.held }),
  };
  // The failures are what is measured here, not their log.
  apps.held.app.useLogger(false);
  try {
    const startMs = performance.now();
    await publishHeld(apps.held);
    while ((await waiting(apps.held)) < BEHIND) await sleep(100);
    printLine('until all behind it are parked, ms', performance.now() - startMs);
    const measured = { free: [] as number[], held: [] as number[] };
    for (let run = 0; run <= RUNS; run += 1) {
      for (const which of ['free', 'held'] as const) {
        const rate = await deliver(apps[which]);
        if (run > 0) measured[which].push(rate); // the first one compiles the code
      }
    }
    const ratios = measured.held.map((rate, run) => rate / (measured.free[run] ?? Number.NaN));
    return {
      withoutPerSecond: median(measured.free),
      withHeldKeyPerSecond: median(measured.held),
      ratioPercent: median(ratios) * 100,
      triesOfHeldKey: publishers.held.refused,
      stillBehind: await waiting(apps.held),
    };
  } finally {
    for (const { app } of [apps.free, apps.held]) await app.close();
    for (const { drop } of [free, held]) await drop();
  }
}

/** Messages of other keys a second, from the moment that all are stored until the last one is deleted. */
async function deliver(app: OutboxApp): Promise<number> {
  app.relay.pause();
  await publishMany(app, OTHERS);
  await app.dataSource.query('vacuum analyze turnpike_outbox_entry');
  const startMs = performance.now();
  app.relay.resume();
  while ((await app.dataSource.query('select 1 as one from turnpike_outbox_entry limit 1')).length > 0) await sleep(2);
  return (OTHERS / (performance.now() - startMs)) * 1000;
}

async function publishHeld({ outbox, dataSource }: OutboxApp): Promise<void> {
  for (let from = 0; from < BEHIND; from += 1000) {
    await dataSource.transaction((tx) =>
      outbox.publish(tx, ...Array.from({ length: 1000 }, (_, n) => ({ ...message(from + n), key: HELD }))),
    );
  }
}

async function waiting({ dataSource }: OutboxApp): Promise<number> {
  const [row] = await dataSource.query<{ count: string }[]>('select count(*) from turnpike_outbox_parked');
  return Number(row?.count);
}
