import type { DataSourceOptions } from 'typeorm';
import { startOutboxApp } from './outbox-app.js';
import { message } from './outbox-messages.js';
import { median } from './support/measure.js';

const TRANSACTIONS = 400;
const RUNS = 5;

/** A transaction of two writes, without and with a publish in it, in turns: how many times as long the latter takes. */
export async function transactionCost(database: DataSourceOptions): Promise<{ cost: number; plainMs: number }> {
  const { app, outbox, dataSource } = await startOutboxApp(database, { relay: false });
  await dataSource.query('create table bench_order (id integer primary key, total integer not null)');
  await dataSource.query('create table bench_stock (id integer primary key, left_over integer not null)');
  await dataSource.query('insert into bench_stock values (1, 1000000)');
  let next = 0;
  const transaction = (publishes: boolean): Promise<void> =>
    dataSource.transaction(async (tx) => {
      const id = (next += 1);
      await tx.query('insert into bench_order values ($1, $2)', [id, 5]);
      await tx.query('update bench_stock set left_over = left_over - 1 where id = $1', [1]);
      if (publishes) await outbox.publish(tx, message(id));
    });
  const run = async (): Promise<{ plainMs: number; publishingMs: number }> => {
    const tookMs: [number[], number[]] = [[], []];
    for (let n = 0; n < 2 * TRANSACTIONS; n += 1) {
      const startMs = performance.now();
      await transaction(n % 2 === 1);
      tookMs[n % 2 === 1 ? 1 : 0].push(performance.now() - startMs);
    }
    return { plainMs: median(tookMs[0]), publishingMs: median(tookMs[1]) };
  };
  await run();
  const runs: { plainMs: number; publishingMs: number }[] = [];
  for (let n = 0; n < RUNS; n += 1) runs.push(await run());
  await app.close();
  return {
    cost: median(runs.map(({ plainMs, publishingMs }) => publishingMs / plainMs)),
    plainMs: median(runs.map(({ plainMs }) => plainMs)),
  };
}
