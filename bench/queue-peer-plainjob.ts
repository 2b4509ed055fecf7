import { join } from 'node:path';
import Database from 'better-sqlite3';
import { countdown, pushAll } from './queue-items.js';
import { type Peer } from './queue-peers.js';
import { perSecond } from './support/measure.js';

interface Jobs {
  add(type: string, data: unknown): unknown;
  close(): void;
}

interface JobWorker {
  start(): Promise<void>;
  stop(): Promise<void>;
}

interface Library {
  better(db: Database.Database): unknown;
  defineQueue(options: { connection: unknown; logger: Logger }): Jobs;
  defineWorker(type: string, work: () => Promise<void>, options: { queue: Jobs; logger: Logger }): JobWorker;
}

type Logger = Readonly<Record<'debug' | 'info' | 'warn' | 'error', (text: string) => void>>;

const ITEMS = 3000;
const silent = (): void => undefined;
const logger: Logger = { debug: silent, info: silent, warn: silent, error: console.error };

/** It takes items one by one; synchronously, so each is a transaction. */
export async function plainjob(require: NodeJS.Require, folder: string): Promise<Peer> {
  const { better, defineQueue, defineWorker } = require('plainjob') as Library;
  let files = 0;
  const open = (): Jobs => {
    const db = new Database(join(folder, `plainjob-${++files}.sqlite`));
    const jobs = defineQueue({ connection: better(db), logger });
    // It sets NORMAL.
    db.pragma('synchronous = FULL');
    return jobs;
  };
  const run = async (work: (jobs: Jobs) => Promise<void>): Promise<number> => {
    const jobs = open();
    const rate = await perSecond(ITEMS, () => work(jobs));
    jobs.close();
    return rate;
  };
  const store = (jobs: Jobs): Promise<void> => pushAll(ITEMS, async (item) => jobs.add('bench', item));
  return {
    name: 'plainjob',
    durability: 'SQLite WAL with synchronous=FULL',
    stored: () => run(store),
    endToEnd: () =>
      run(async (queue) => {
        await store(queue);
        const { done, down } = countdown(ITEMS);
        const worker = defineWorker('bench', async () => down(), { queue, logger });
        void worker.start();
        await done;
        await worker.stop();
      }),
  };
}
