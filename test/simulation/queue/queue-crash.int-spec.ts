import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { buildWorkers, WorkerProcess } from './worker-process.js';

const ROUNDS = 50;
/** Starting a process takes longer than killing it: so many are ready at a time. */
const READY = 3;
const IDS_PER_ROUND = 1_000_000;

/** Numbers from a seed, so that a failing run can be repeated. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function idsInFile(path: string): Set<number> {
  const db = new Database(path);
  const rows = db.prepare('select data from batch_data').pluck().all() as Buffer[];
  db.close();
  return new Set(rows.flatMap((data) => JSON.parse(data.toString()) as number[]));
}

describe('A queue file whose process is killed with -9', () => {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-queue-'));
  const path = join(folder, 'crash.sqlite');
  let workers: Awaited<ReturnType<typeof buildWorkers>>;

  beforeAll(async () => void (workers = await buildWorkers()), 120_000);
  afterAll(async () => {
    await workers.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it('50 times loses no acknowledged item, and repeats none that was completed', { timeout: 300_000 }, async () => {
    const random = seeded(20_261_121);
    const start = (round: number) =>
      new WorkerProcess(workers.script('file-worker'), path, String(round * IDS_PER_ROUND), '8');
    const ready = Array.from({ length: READY }, (_, round) => start(round));
    const acknowledged = new Set<number>();
    const processed = new Set<number>();
    const completed = new Set<number>();
    const repeated: number[] = [];
    const follow = (worker: WorkerProcess): void => {
      for (const id of worker.numbers('A')) acknowledged.add(id);
      const calls = worker.numbers('P');
      repeated.push(...calls.filter((id) => completed.has(id)));
      for (const id of calls) processed.add(id);
      const left = idsInFile(path);
      for (const id of processed) if (!left.has(id)) completed.add(id);
    };

    for (let round = 0; round < ROUNDS; round++) {
      const worker = ready.shift() as WorkerProcess;
      if (round + READY < ROUNDS) ready.push(start(round + READY));
      worker.goOn();
      await eventually(() => expect(worker.lines.length).toBeGreaterThan(0), { withinMs: 30_000 });
      await sleep(random() * 60);
      await worker.kill();
      follow(worker);
      worker.remove();
    }
    const last = new WorkerProcess(workers.script('file-worker'), path);
    last.goOn();
    await last.closed;
    follow(last);
    last.remove();

    expect(acknowledged.size).toBeGreaterThan(ROUNDS);
    expect([...acknowledged].filter((id) => !processed.has(id))).toEqual([]);
    expect(repeated).toEqual([]);
    expect(idsInFile(path).size).toBe(0);
  });
});
