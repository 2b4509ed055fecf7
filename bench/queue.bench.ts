import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Queue, type QueueOptions } from 'nestjs-turnpike/queue';
import { countdown, newItem, pushAll, PUSHERS, TEXT, type Item } from './queue-items.js';
import { measurePeers } from './queue-peers.js';
import { type BenchResult } from './support/bench.js';
import { heapBytes, median, medianOfRuns, perSecond } from './support/measure.js';
import { printLine } from './support/print.js';

const ITEMS = 300_000;
const BUFFERED = 1_000_000;
const MEMORY_ITEMS = 5_000_000;

const folder = mkdtempSync(join(tmpdir(), 'turnpike-bench-'));
let files = 0;

function durable(): QueueOptions<Item> {
  const path = join(folder, `${++files}.sqlite`);
  return { name: 'bench', file: { path, durable: true }, flushSize: 1000, batches: 4 };
}

const pushStored = (queue: Queue<Item>, count: number): Promise<void> =>
  pushAll(count, (item) => queue.push(item, { until: 'stored' }));

async function stored(): Promise<number> {
  await using queue = new Queue<Item>(async () => undefined, durable(), { autoStart: false });
  await queue.open();
  return await perSecond(ITEMS, () => pushStored(queue, ITEMS));
}

/** Pushes, stores and processes `count` items. Returns when all are completed. */
async function throughAll(count: number, atHalf: () => Promise<void> = async () => undefined): Promise<void> {
  const { done, down } = countdown(count);
  await using queue = new Queue<Item>(async (batch) => {
    let right = 0;
    for (const { text } of batch) right += text === TEXT ? 1 : 0;
    down(right);
  }, durable());
  await pushStored(queue, count / 2);
  await atHalf();
  await pushStored(queue, count / 2);
  await done;
  while ((await queue.stats()).batches > 0) await new Promise((next) => setImmediate(next));
}

async function buffered(): Promise<number> {
  const options = { name: 'bench', flushSize: 0, capacity: 2 * BUFFERED };
  const queue = new Queue<Item>(async () => undefined, options, { autoStart: false });
  const item = newItem(0);
  const rate = await perSecond(BUFFERED, async () => {
    for (let count = 0; count < BUFFERED; count++) await queue.push(item);
  });
  await queue.close();
  return rate;
}

/** How often a second the disk can sync a page, which bounds what a queue without group commit stores. */
function fsyncs(): number {
  const file = openSync(join(folder, 'fsync'), 'w');
  const page = Buffer.alloc(4096);
  const endMs = performance.now() + 500;
  let count = 0;
  for (; performance.now() < endMs; count++) {
    writeSync(file, page, 0, page.length, (count % 1000) * page.length);
    fsyncSync(file);
  }
  closeSync(file);
  return count * 2;
}

export default async function queue(): Promise<BenchResult> {
  try {
    console.log(`200-byte items, ${PUSHERS} pushers in flight, SQLite WAL with synchronous=FULL:`);
    const delays: number[] = [];
    const result = {
      storedPerSecond: await medianOfRuns(stored),
      endToEndPerSecond: await medianOfRuns(async () => {
        const delay = monitorEventLoopDelay({ resolution: 1 });
        delay.enable();
        const rate = await perSecond(ITEMS, () => throughAll(ITEMS));
        delay.disable();
        delays.push(delay.percentile(99) / 1e6);
        return rate;
      }),
      bufferedPerSecond: await medianOfRuns(buffered),
      eventLoopP99Ms: median(delays),
      fsyncPerSecond: await medianOfRuns(fsyncs),
    };
    printLine('stored per fsync', result.storedPerSecond / result.fsyncPerSecond);
    const atHalf: number[] = [];
    await throughAll(MEMORY_ITEMS, async () => void atHalf.push(await heapBytes(), process.memoryUsage.rss()));
    const atEnd = [await heapBytes(), process.memoryUsage.rss()];
    for (const [index, what] of ['heap', 'resident'].entries()) {
      printLine(`${what} MB after 2.5 million`, (atHalf[index] ?? Number.NaN) / 2 ** 20);
      printLine(`${what} MB after 5 million`, (atEnd[index] ?? Number.NaN) / 2 ** 20);
    }
    await measurePeers(folder);
    console.log('nestjs-turnpike, SQLite WAL with synchronous=FULL:');
    return result;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
