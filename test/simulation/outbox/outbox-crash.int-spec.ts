import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { execute } from 'nestjs-turnpike/dialect';
import { outboxMigrationsFor } from 'nestjs-turnpike/outbox';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataSourceOptions, testDatabases } from '../../support/databases.js';
import { eventually } from '../../support/eventually.js';
import { Collector } from './collector.js';
import { APPLICATION, connectionsTo, Crowd } from './crowd.js';
import { againstHappenedBefore, outOfCommitOrder, repeated, type Commits } from './findings.js';
import { startPostgres } from './private-postgres.js';
import { buildScripts, type Scripts } from './scripts.js';
import type { RelaySettings, Vitals } from './wire.js';

const KEYS = 1000;
/** Few, so that transactions meet in them. */
const SHARDS = 16;
const CLAIM_MS = 2000;
const KILLS = 5;
const KILL_EVERY_MS = 2000;
/** Several times what a retry takes, and a take-over. */
const STALLED_MS = 20_000;
/** A slow machine takes longer for them. */
const ARRIVALS_BETWEEN_KILLS = 100;
const CUT_EVERY_MS = 400;
const MAX_IN_FLIGHT = 100;

interface Place {
  readonly url: string;
  readonly dataSource: DataSource;
  close(): Promise<void>;
}

/** The server's MariaDB, and a Postgres that remembers when each transaction committed. */
async function openPlace(name: 'postgres' | 'mariadb'): Promise<Place> {
  const migrations = [...outboxMigrationsFor({ shards: SHARDS })];
  if (name === 'mariadb') {
    const [, open] = testDatabases().find(([one]) => one === name) ?? [];
    if (!open) throw new Error('There is no MariaDB in this tier.');
    return open({ migrations });
  }
  const server = await startPostgres();
  const dataSource = await new DataSource({ ...dataSourceOptions(server.url), migrations }).initialize();
  await dataSource.runMigrations();
  return {
    url: server.url,
    dataSource,
    close: async () => {
      await dataSource.destroy();
      await server.stop();
    },
  };
}

/** A connection of some process, chosen by chance. */
const CUT = {
  postgres: `select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${APPLICATION}'
             order by random() limit 1`,
  mariadb: '',
} as const;

/**
 * What it guards, each taken out once to see it fail: the locks of `writeEntries` (then messages are passed over), the holds
 * that are restored by `Shards.claim`, and `Lane`'s holding of a key from the failure of one of its entries.
 */
describe.each(['postgres', 'mariadb'] as const)('Four relays and eight producers on %s', (name) => {
  let scripts: Scripts;
  let place: Place;
  let collector: Collector;
  let crowd: Crowd;

  beforeAll(async () => {
    [scripts, place, collector] = await Promise.all([buildScripts(), openPlace(name), Collector.listen()]);
    await execute(place.dataSource, 'create table ledger (tx varchar(50) primary key, messages varchar(500) not null)');
    crowd = new Crowd(scripts, collector, connectionsTo(place.url));
  }, 120_000);
  afterAll(async () => {
    await crowd.close();
    await collector.close();
    await place.close();
    await scripts.remove();
  });

  const stored = async (): Promise<string[]> => {
    const { rows } = await execute<{ id: string }>(
      place.dataSource,
      'select message_id as id from turnpike_outbox_entry union all select message_id from turnpike_outbox_parked',
    );
    return rows.map(({ id }) => id);
  };
  /** What committed, by what the transactions wrote themselves: their producers may never have had an answer. */
  const ledger = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
    const { rows } = await execute<{ tx: string; messages: string }>(
      place.dataSource,
      'select tx, messages from ledger',
    );
    return new Map(rows.map(({ tx, messages }) => [tx, messages.split(' ')]));
  };

  const someArrive = async (): Promise<void> => {
    const before = collector.arrivals.length;
    await sleep(KILL_EVERY_MS);
    await eventually(() => expect(collector.arrivals.length - before).toBeGreaterThanOrEqual(ARRIVALS_BETWEEN_KILLS), {
      withinMs: 60_000,
    });
  };

  /** Until nothing is stored. How long that takes depends on the machine; a while in which nothing arrives is too long anywhere. */
  const drained = async (): Promise<void> => {
    for (let arrivals = -1; arrivals < collector.arrivals.length;) {
      arrivals = collector.arrivals.length;
      const begunMs = performance.now();
      while (arrivals === collector.arrivals.length && performance.now() - begunMs < STALLED_MS) {
        if ((await stored()).length === 0) return;
        await sleep(50);
      }
    }
    const left = await execute(place.dataSource, 'select shard, message_id from turnpike_outbox_entry');
    const waiting = await execute(place.dataSource, 'select * from turnpike_outbox_parked');
    const found = JSON.stringify([left.rows, waiting.rows, [...collector.vitals]]);
    throw new Error(`Nothing has arrived for ${STALLED_MS} ms, and not all is through: ${found}`);
  };

  const cutConnections = async (until: AbortSignal): Promise<number> => {
    let cuts = 0;
    for (; !until.aborted; cuts += 1) {
      await sleep(CUT_EVERY_MS);
      if (name === 'postgres') await execute(place.dataSource, CUT.postgres);
      else await killOneOnMariaDb(place.dataSource);
    }
    return cuts;
  };

  it(
    'deliver all that was committed and nothing else, in commit order per key, through kills and cut connections',
    { timeout: 240_000 },
    async () => {
      collector.decide = ({ attempt }) =>
        attempt <= 2 && randomInt(12) === 0 ? { kind: 'retry', text: 'by chance' } : null;
      const settings = (relay: number): RelaySettings => ({
        claimDurationMs: CLAIM_MS,
        // Longer than a take-over: what a killed relay held is not due yet when it has a new owner.
        retry: [0, (3 * CLAIM_MS) / 2],
        maxInFlight: MAX_IN_FLIGHT,
        ordered: relay % 2 === 0,
      });
      const relays = [1, 2, 3, 4].map((n) => `relay-${n}`);
      const producers = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `producer-${n}`);
      relays.forEach((relay, n) => crowd.relay(relay, settings(n)));
      for (const producer of producers) crowd.producer(producer, { keys: KEYS, overlapping: 3 });
      await crowd.arrived(...relays, ...producers);

      const calm = new AbortController();
      const cutting = cutConnections(calm.signal);
      /** Of each killed relay: what was still in the tables, and how it was doing. */
      const kills: { readonly relay: string; readonly left: ReadonlySet<string>; readonly vitals: Vitals[] }[] = [];
      for (let kill = 0; kill < KILLS; kill += 1) {
        await someArrive();
        const relay = relays.splice(randomInt(relays.length), 1)[0] ?? '';
        const vitals = [collector.vitals.get(relay) ?? []].flat(); // it may have been about to start
        await crowd.end(relay);
        kills.push({ relay, left: new Set(await stored()), vitals });
        const next = `relay-${relays.length + kill + 2}`;
        crowd.relay(next, settings(kill));
        relays.push(next);
      }
      await someArrive();
      calm.abort();
      const cuts = await cutting;
      collector.tellAll(producers, { kind: 'stop' });
      // One that crashes would not tell of its last transactions.
      for (const producer of producers) expect([producer, await crowd.ended(producer)]).toEqual([producer, 0]);
      await drained();

      const written = await ledger();
      const committed = collector.transactions.filter(({ tx }) => written.has(tx));
      const messages = new Set([...written.values()].flat());
      const again = repeated(collector.arrivals);
      // Only now: what a relay had delivered when it was killed may still have been on its way to the collector.
      const unsettled = kills.flatMap(({ relay, left }) => {
        const delivered = new Set(collector.arrivals.filter((one) => one.relay === relay).map(({ id }) => id));
        return [...delivered].filter((id) => left.has(id));
      });
      const sum = (of: 'shards' | 'takenOver', relays: Iterable<Vitals>): number =>
        [...relays].reduce((total, vitals) => total + vitals[of], 0);
      const killed = kills.flatMap(({ vitals }) => vitals);
      // Taken over, and not from a killed one: its owner lives, and was too slow for its lease.
      const lostLeases = sum('takenOver', [...killed, ...collector.vitals.values()]) - sum('shards', killed);
      console.log(
        `${name}: ${messages.size} messages of ${written.size} transactions arrived; ${collector.transactions.length} ` +
          `were to commit; ${collector.attempts.length} attempts, ${KILLS} kills, ${cuts} connections cut; ` +
          `${again.length} came again, ${unsettled.length} were unsettled at the kills; ${lostLeases} leases were lost otherwise`,
      );
      expect([...written.keys()].filter((tx) => !committed.some((one) => one.tx === tx))).toEqual([]);
      const arrived = new Set(collector.arrivals.map(({ id }) => id));
      expect([...arrived].filter((id) => !messages.has(id))).toEqual([]);
      expect([...messages].filter((id) => !arrived.has(id))).toEqual([]);
      expect(againstHappenedBefore(collector.arrivals, committed)).toEqual([]);
      expect(outOfCommitOrder(collector.arrivals, await commits())).toEqual([]);
      const unexplained = again.filter(({ id }) => !unsettled.includes(id));
      expect(unexplained.slice(Math.max(0, lostLeases) * MAX_IN_FLIGHT)).toEqual([]);
      expect(again.length - unexplained.length).toBeLessThanOrEqual(unsettled.length);
      expect([...collector.vitals.values()].map(({ foundLate }) => foundLate)).toEqual([0, 0, 0, 0]);
    },
  );

  /** MariaDB does not say. */
  const commits = async (): Promise<Commits> => {
    if (name === 'mariadb') return new Map();
    const { rows } = await execute<{ tx: string; at_us: string }>(
      place.dataSource,
      'select tx, (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::bigint as at_us from ledger',
    );
    const atUs = new Map(rows.map((row) => [row.tx, BigInt(row.at_us)]));
    return new Map(
      collector.transactions.flatMap(({ tx, messages }) =>
        messages.map(({ id }, at) => [id, { atUs: atUs.get(tx) ?? 0n, place: at }]),
      ),
    );
  };
});

async function killOneOnMariaDb(dataSource: DataSource): Promise<void> {
  const { rows } = await execute<{ id: string }>(
    dataSource,
    `select id from information_schema.processlist where db = database() and id <> connection_id()
     order by rand() limit 1`,
  );
  // It may have gone by itself.
  if (rows[0]) await execute(dataSource, `kill ${rows[0].id}`).catch(() => undefined);
}
