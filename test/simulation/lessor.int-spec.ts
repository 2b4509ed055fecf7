import { availableParallelism, loadavg } from 'node:os';
import { serializeSqlite } from 'nestjs-turnpike/dialect';
import { lessorMigrations } from 'nestjs-turnpike/lessor';
import { describe, expect, it } from 'vitest';
import { dataSourceOptions, testDatabases } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { LessorCluster, type Ownership } from './lessor-cluster.js';

const TERM_MS = 3000;
/** For processes to start. */
const starting = { withinMs: 30_000 };
const TEN_MINUTES_MS = 600_000;

/** Pairs of members that worked on one part at the same time. */
function overlaps(log: readonly Ownership[]): string[] {
  return log.flatMap((one, index) =>
    log
      .slice(index + 1)
      .filter((two) => two.part === one.part && one.beganMs < two.endedMs && two.beganMs < one.endedMs)
      .map((two) => `part ${one.part}: ${one.member} from ${one.beganMs}, ${two.member} from ${two.beganMs}`),
  );
}

/** For how long the parts that `member` had last lay idle before somebody else had them. */
function idleMs(log: readonly Ownership[], member: string, endedSinceMs: number): number {
  const left = log.filter((own) => own.member === member && own.endedMs >= endedSinceMs);
  const idle = left.map(({ part, endedMs }) => {
    const next = log.filter((own) => own.part === part && own.beganMs >= endedMs).map(({ beganMs }) => beganMs);
    return Math.min(...next) - endedMs;
  });
  return Math.max(...idle);
}

/**
 * A take-over is no more than this many writes one after the other: ten statements of each of six members, in turn. Where
 * a write is slow, because the machine is busy with other things, that counts, and not the time of an idle one.
 */
const TAKE_OVER_WRITES = 60;

/** Settling has the time of a machine that has a core for whoever wants one; here nine processes share what there is. */
function slowness(): number {
  return Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
}

describe.each(testDatabases())('A balance of real processes on %s', (name, open) => {
  it(
    'settles to fair shares as members come, are killed and stop, and no part is worked on twice',
    { timeout: 180_000 },
    async () => {
      const db = await open({ migrations: [...lessorMigrations] });
      const database = dataSourceOptions(db.url);
      const cluster = await LessorCluster.build(serializeSqlite(db.dataSource), { database, termMs: TERM_MS });
      /** When all have joined, they have two terms to settle. */
      const settles = async (shares: number[]): Promise<void> => {
        await eventually(async () => expect(await cluster.members()).toBeGreaterThanOrEqual(shares.length), starting);
        await eventually(async () => expect(await cluster.shares()).toEqual(shares), {
          withinMs: 2 * TERM_MS * slowness(),
        });
      };
      const takenOver = async (member: string, signal: 'SIGKILL' | 'SIGTERM', shares: number[]) => {
        let endedMs = 0;
        const writeMs = await cluster.writeMsDuring(async () => {
          endedMs = await cluster.end(member, signal);
          await settles(shares);
        });
        const idle = idleMs(await cluster.log(), member, endedMs);
        console.log(`${name}: taken over ${idle} ms after ${signal}, when a write took ${writeMs.toFixed(1)} ms`);
        return { idleMs: idle, busyMs: TAKE_OVER_WRITES * writeMs };
      };
      try {
        cluster.start('m1');
        await settles([64]);
        cluster.start('m2', TEN_MINUTES_MS);
        cluster.start('m3', -TEN_MINUTES_MS);
        await settles([22, 21, 21]);
        for (const member of ['m4', 'm5', 'm6', 'm7', 'm8']) cluster.start(member);
        await settles([8, 8, 8, 8, 8, 8, 8, 8]);

        const killed = await takenOver('m8', 'SIGKILL', [10, 9, 9, 9, 9, 9, 9]);
        const stopped = await takenOver('m7', 'SIGTERM', [11, 11, 11, 11, 10, 10]);
        expect(overlaps(await cluster.log())).toEqual([]);
        expect(killed.idleMs).toBeLessThan(TERM_MS + Math.max(500, killed.busyMs));
        expect(stopped.idleMs).toBeLessThan((name === 'postgres' ? 0 : TERM_MS / 3) + Math.max(200, stopped.busyMs));
      } finally {
        await cluster.close();
        await db.close();
      }
    },
  );
});
