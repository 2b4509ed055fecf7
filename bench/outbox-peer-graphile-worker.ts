import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { optionsOf } from './outbox-app.js';
import { PAYLOAD_BYTES } from './outbox-messages.js';

/** bench/package.json installs it, as nobody but this benchmark needs it. It is compiled to dist/bench. */
const requirePeer = createRequire(new URL('../../bench/package.json', import.meta.url));

/** What we use of graphile-worker. */
interface GraphileWorker {
  run(options: object): Promise<{ stop(): Promise<void> }>;
  runMigrations(options: object): Promise<void>;
}

/** What its documentation calls its fastest (worker.graphile.org/docs/performance). Its jobs have no order. */
export const GRAPHILE_WORKER_SETTINGS = {
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
} as const;

export function loadGraphileWorker(): GraphileWorker | undefined {
  try {
    return requirePeer('graphile-worker') as GraphileWorker;
  } catch {
    return undefined;
  }
}

/** Adds so many jobs, and measures how long one worker takes until all have run and are deleted. Gives jobs a second. */
export async function drainGraphileWorker(worker: GraphileWorker, databaseUrl: string, count: number): Promise<number> {
  const preset = { worker: { ...GRAPHILE_WORKER_SETTINGS, connectionString: databaseUrl } };
  const dataSource = await new DataSource(optionsOf(databaseUrl)).initialize();
  try {
    await worker.runMigrations({ preset });
    await dataSource.query(
      `select 1 from graphile_worker.add_jobs(array(
         select json_populate_record(null::graphile_worker.job_spec,
           json_build_object('identifier', 'noop', 'payload', json_build_object('text', repeat('x', ${PAYLOAD_BYTES}))))
         from generate_series(1, ${count})))`,
    );
    await dataSource.query('vacuum analyze');
    let done = 0;
    const startMs = performance.now();
    const runner = await worker.run({ preset, taskList: { noop: () => void (done += 1) }, logger: silent(worker) });
    while (done < count) await sleep(1);
    while ((await dataSource.query('select 1 as one from graphile_worker._private_jobs limit 1')).length > 0)
      await sleep(1);
    const perSecond = (count / (performance.now() - startMs)) * 1000;
    await runner.stop();
    return perSecond;
  } finally {
    await dataSource.destroy();
  }
}

/** It tells of every job. */
function silent(worker: GraphileWorker): unknown {
  const { Logger } = worker as unknown as { Logger: new (factory: () => () => void) => unknown };
  return new Logger(() => () => undefined);
}
