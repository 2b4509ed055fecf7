import { newDatabase } from './outbox-app.js';
import { drain } from './outbox-drain.js';
import type { BenchResult } from './support/bench.js';

export default async function outbox(): Promise<BenchResult> {
  const url = process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
  const { options, drop } = await newDatabase({ type: 'postgres', url, poolSize: 10 }, 'turnpike_bench_outbox');
  try {
    for (let i = 0; i < 5; i += 1) console.log(await drain(options, 200_000));
    return { x: 1 };
  } finally {
    await drop();
  }
}
