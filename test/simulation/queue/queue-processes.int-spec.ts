import assert from 'node:assert/strict';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Queue, queueMigrations } from 'nestjs-turnpike/queue';
import { testDatabases, type TestDatabase } from '../../support/databases.js';
import { eventually } from '../../support/eventually.js';
import { buildWorkers, WorkerProcess } from './worker-process.js';

const postgres = testDatabases().filter(([name]) => name === 'postgres');

describe.each(postgres)('Four processes on one %s', (_name, open) => {
  let database: TestDatabase;
  let build: Awaited<ReturnType<typeof buildWorkers>>;
  let workers: WorkerProcess[] = [];
  let queue: Queue<number>;

  beforeAll(async () => {
    build = await buildWorkers();
    database = await open({ migrations: [...queueMigrations] });
    const { dataSource } = database;
    queue = new Queue(async () => undefined, { name: 'shared', dataSource }, { autoStart: false });
    workers = Array.from({ length: 4 }, () => new WorkerProcess(build.script('database-worker'), database.url));
    for (const worker of workers) await eventually(() => assert(worker.lines.includes('R')), { withinMs: 60_000 });
  }, 120_000);
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.kill()));
    await queue.close();
    await database.close();
    await build.remove();
    for (const worker of workers) worker.remove();
  });

  const calls = (): number[] => workers.flatMap((worker) => worker.numbers('P'));
  const allProcessed = () => eventually(async () => assert.equal((await queue.stats()).batches, 0));
  const holderOf = (item: number, except?: WorkerProcess): Promise<WorkerProcess> =>
    eventually(() => {
      const holder = workers.find((worker) => worker !== except && worker.numbers('P').includes(item));
      assert(holder);
      return holder;
    });

  it('process each of 400 batches once, and all take part', async () => {
    await Promise.all(Array.from({ length: 400 }, (_, item) => queue.push(item, { until: 'stored' })));
    await allProcessed();
    expect(calls().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, item) => item));
    expect(workers.map((worker) => worker.numbers('P').length > 0)).toEqual([true, true, true, true]);
  });

  it('take over from one that stalls when its claim ends, and its late completion is refused', async () => {
    await queue.push(-1, { until: 'stored' });
    const stalled = await holderOf(-1);
    stalled.send('SIGSTOP');
    const second = await holderOf(-1, stalled);
    stalled.send('SIGCONT');
    stalled.goOn();
    await eventually(() => expect(stalled.lines).toContain('E TURNPIKE_QUEUE_CLAIM_LOST'));
    expect((await queue.stats()).batches).toBe(1);
    second.goOn();
    await allProcessed();
    expect(second.lines.filter((line) => line.startsWith('E'))).toEqual([]);
  });

  it('take over from one that is killed when its claim ends, and not before', async () => {
    await queue.push(-2, { until: 'stored' });
    const killed = await holderOf(-2);
    await killed.kill();
    const killedAtMs = performance.now();
    const second = await holderOf(-2, killed);
    // It renewed at most a third of claimMs before it was killed.
    expect(performance.now() - killedAtMs).toBeGreaterThan(600 * (2 / 3) - 50);
    second.goOn();
    await allProcessed();
  });
});
