import { join } from 'node:path';
import { countdown, pushAll, type Item } from './queue-items.js';
import { type Peer } from './queue-peers.js';
import { perSecond } from './support/measure.js';

type Callback = (error?: unknown, result?: unknown) => void;

interface Store {
  readonly _db: { exec(sql: string, done: Callback): void };
  readonly _putCargo: { push(row: object, stored: Callback): void };
  connect(done: Callback): void;
  putTask(taskId: string, task: unknown, priority: number, done: Callback): void;
}

interface TaskQueue {
  push(task: object): { on(event: string, listener: (error?: unknown) => void): unknown };
  pause(): void;
  destroy(done: Callback): void;
}

type NewQueue = new (
  process: (tasks: readonly Item[], done: Callback) => void,
  options: { store: Store; batchSize: number },
) => TaskQueue;

const ITEMS = 3000;
const BATCH = 1000;

/** With its SQLite store. By itself that acknowledges a task before it writes it, and never syncs. */
export async function betterQueue(require: NodeJS.Require, folder: string): Promise<Peer> {
  const BetterQueue = require('better-queue') as NewQueue;
  const SqliteStore = require('better-queue-sqlite') as new (options: { path: string }) => Store;
  let files = 0;
  const open = (process: (tasks: readonly Item[]) => void): TaskQueue => {
    const store = durable(new SqliteStore({ path: join(folder, `better-queue-${++files}.sqlite`) }));
    return new BetterQueue(
      (tasks, done) => {
        process(tasks);
        done();
      },
      { store, batchSize: BATCH },
    );
  };
  const push = (queue: TaskQueue): Promise<void> =>
    pushAll(
      ITEMS,
      (item) => new Promise((stored) => queue.push({ ...item, id: String(item.id) }).on('queued', stored)),
    );
  const run = async (queue: TaskQueue, work: () => Promise<void>): Promise<number> => {
    const rate = await perSecond(ITEMS, work);
    await new Promise((closed) => queue.destroy(closed));
    return rate;
  };
  return {
    name: `better-queue in batches of ${BATCH}`,
    durability: 'SQLite WAL with synchronous=FULL, acknowledged after the commit',
    stored: () => {
      const queue = open(() => undefined);
      queue.pause();
      return run(queue, () => push(queue));
    },
    endToEnd: () => {
      const { done, down } = countdown(ITEMS);
      const queue = open((tasks) => down(tasks.length));
      return run(queue, async () => {
        await push(queue);
        await done;
      });
    },
  };
}

function durable(store: Store): Store {
  const connect = store.connect.bind(store);
  store.connect = (done) =>
    connect((error, count) => {
      const { _db: db } = store;
      if (error) done(error);
      else db.exec('pragma journal_mode = wal; pragma synchronous = full', (failed) => done(failed, count));
    });
  store.putTask = (taskId, task, priority, done) => {
    const { _putCargo: cargo } = store;
    cargo.push({ taskId, serializedTask: JSON.stringify(task), priority }, done);
  };
  return store;
}
