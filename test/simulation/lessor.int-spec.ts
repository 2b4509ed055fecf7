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

/** The bounds are those of a machine that has a core for whoever wants one; here nine processes share what there is. */
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
      try {
        cluster.start('m1');
        await settles([64]);
        cluster.start('m2', TEN_MINUTES_MS);
        cluster.start('m3', -TEN_MINUTES_MS);
        await settles([22, 21, 21]);
        for (const member of ['m4', 'm5', 'm6', 'm7', 'm8']) cluster.start(member);
        await settles([8, 8, 8, 8, 8, 8, 8, 8]);

        const killedAtMs = await cluster.end('m8', 'SIGKILL');
        await settles([10, 9, 9, 9, 9, 9, 9]);
        const killed = idleMs(await cluster.log(), 'm8', killedAtMs);
        const stoppedAtMs = await cluster.end('m7', 'SIGTERM');
        await settles([11, 11, 11, 11, 10, 10]);
        const stopped = idleMs(await cluster.log(), 'm7', stoppedAtMs);

        console.log(`${name}: taken over ${killed} ms after kill -9, ${stopped} ms after SIGTERM`);
        expect(overlaps(await cluster.log())).toEqual([]);
        expect(killed).toBeLessThan(TERM_MS + 500 * slowness());
        expect(stopped).toBeLessThan((name === 'postgres' ? 0 : TERM_MS / 3) + 200 * slowness());
      } finally {
        await cluster.close();
        await db.close();
      }
    },
  );
});
