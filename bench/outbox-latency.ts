import { setTimeout as sleep } from 'node:timers/promises';
import type { OutgoingMessage } from 'nestjs-turnpike/outbox';
import type { DataSourceOptions } from 'typeorm';
import { startOutboxApp } from './outbox-app.js';
import { message } from './outbox-messages.js';

export const LATENCY_SETTINGS = { perSecond: 500, seconds: 8 } as const;

/** From the call that commits to the publisher's: a transaction with one message at a time, at a steady rate. */
export async function latency(database: DataSourceOptions): Promise<{ p50Ms: number; p99Ms: number }> {
  const { perSecond, seconds } = LATENCY_SETTINGS;
  const startedMs = new Map<string, number>();
  const tookMs: number[] = [];
  const publish = (messages: readonly OutgoingMessage[]): Promise<void> => {
    const nowMs = performance.now();
    for (const { id } of messages) tookMs.push(nowMs - (startedMs.get(id) ?? nowMs));
    return Promise.resolve();
  };
  const { app, outbox, relay, dataSource } = await startOutboxApp(database, { publisher: { publish, batchSize: 100 } });
  const transaction = (n: number): Promise<void> =>
    dataSource.transaction(async (tx) => {
      await outbox.publish(tx, { ...message(n), id: `m${n}` });
      startedMs.set(`m${n}`, performance.now()); // right before the COMMIT and what belongs to it
    });
  while (relay.stats().shards < 64) await sleep(10);
  for (let n = -200; n < 0; n += 1) await transaction(n); // until the code is compiled
  tookMs.length = 0;

  const total = perSecond * seconds;
  const beginMs = performance.now();
  const running: Promise<void>[] = [];
  for (let n = 0; n < total; n += 1) {
    const dueMs = beginMs + (n / perSecond) * 1000;
    while (performance.now() < dueMs) await sleep(1);
    running.push(transaction(n));
  }
  await Promise.all(running);
  while (tookMs.length < total) await sleep(5);
  await app.close();
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
