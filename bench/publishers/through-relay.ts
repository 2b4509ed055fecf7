import type { Publisher } from 'nestjs-turnpike/outbox';
import { newDatabase, startOutboxApp } from '../outbox-app.js';
import { publishMany } from '../outbox-messages.js';
import { perSecond } from '../support/measure.js';

export const RELAY = { batchSize: 4000, maxInFlight: 1000 } as const;

/** Fills an outbox on Postgres (POSTGRES_URL), and measures how fast its relay gives all of it to the publisher. */
export async function throughRelay(publisher: Publisher, count: number): Promise<number> {
  const url = process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
  const { options, drop } = await newDatabase(url, 'turnpike_bench_publishers');
  try {
    const filling = await startOutboxApp(options, { relay: false });
    await publishMany(filling, count);
    await filling.app.close();
    let left = count;
    let finish: () => void;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    // Without `close`: it is used again.
    const counting: Publisher = {
      batchSize: publisher.batchSize ?? 20,
      publish: async (messages, context) => {
        await publisher.publish(messages, context);
        left -= messages.length;
        if (left <= 0) finish();
      },
    };
    const draining = await startOutboxApp(options, { publisher: counting, relay: RELAY });
    const rate = await perSecond(count, () => finished);
    await draining.app.close();
    return rate;
  } finally {
    await drop();
  }
}
