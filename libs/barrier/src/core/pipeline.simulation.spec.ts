import * as fc from 'fast-check';
import { fixed, SystemClock } from 'nestjs-turnpike/timing';
import { describe, expect, it } from 'vitest';
import { Barrier, PersistentBarrier, type HeldKeyStore, type JobState } from '../index.js';
import { MemoryHeldKeyStore } from '../testing/index.js';

/**
 * A generator, workers and a committer share a barrier, as its class comment says, and are killed now and then. fast-check's
 * scheduler decides who goes on after each wait. A naive judge watches what is sent and what ends.
 */
const KEYS = ['a', 'b', 'c'];
const WORKERS = 2;
const QUEUE_CAPACITY = 3;
/** Far more than any life needs: a job that is held for ever must fail the test, not hang it. */
const MAX_TURNS = 50_000;

interface Job {
  readonly id: number;
  readonly key: string;
  /** How its attempts end, one after another; only the last one does not fail. */
  readonly outcomes: readonly JobState[];
  /** How many rounds a failed attempt is left alone: so long a later job has time to overtake. */
  readonly delayRounds: number;
  /** Whether it is given up, unsent, when it is refused. */
  readonly drained: boolean;
}

interface Result {
  readonly job: Job;
  readonly state: JobState;
}

interface Row {
  readonly job: Job;
  state: 'pending' | 'failed' | 'ended';
  attempt: number;
  dueAt: number;
}

/** What survives a crash: the jobs, and beside them the held keys. */
class Database {
  readonly heldKeys = new MemoryHeldKeyStore();
  readonly rows: readonly Row[];
  round = 0;

  constructor(
    jobs: readonly Job[],
    private readonly judge: Judge,
  ) {
    this.rows = jobs.map((job) => ({ job, state: 'pending', attempt: 0, dueAt: 0 }));
  }

  get allEnded(): boolean {
    return this.rows.every(({ state }) => state === 'ended');
  }

  row(job: Job): Row {
    const row = this.rows.find((each) => each.job === job);
    if (!row) throw new Error(`There is no job ${job.id}.`);
    return row;
  }

  due(): Job[] {
    return this.rows.filter(({ state, dueAt }) => state !== 'ended' && dueAt <= this.round).map(({ job }) => job);
  }

  /** All or none, as a transaction. */
  commit(results: readonly Result[]): void {
    for (const { job, state } of results) {
      const row = this.row(job);
      if (row.state === 'ended') throw new Error(`Job ${job.id} ended twice.`);
      if (state === 'waiting') continue;
      row.attempt++;
      row.state = state === 'failed' ? 'failed' : 'ended';
      if (state === 'failed') row.dueAt = this.round + job.delayRounds;
      else this.judge.ended(job);
    }
  }
}

/** Knows which jobs have failed and not ended, and objects to everything that must not happen. */
class Judge {
  private failed = new Set<Job>();
  private readonly sentJobs = new Set<Job>();

  sent(job: Job): void {
    const earlier = [...this.failed].find((other) => other.key === job.key && other.id < job.id);
    if (earlier) throw new Error(`Job ${job.id} was sent while job ${earlier.id} of its key had failed.`);
    const later = [...this.sentJobs].find((other) => other.key === job.key && other.id > job.id);
    if (later && !this.sentJobs.has(job)) throw new Error(`Job ${job.id} was first sent after job ${later.id}.`);
    this.sentJobs.add(job);
  }

  failedAttempt(job: Job): void {
    this.failed.add(job);
  }

  ended(job: Job): void {
    this.failed.delete(job);
  }

  /** A failure that was not persisted never happened: its job counts as unsent. */
  crashed(database: Database): void {
    this.failed = new Set(database.rows.filter(({ state }) => state === 'failed').map(({ job }) => job));
  }
}

class Crash extends Error {}

/** Waits for a turn. Rejects with `Crash` once its process is dead. */
type Turn = () => Promise<void>;

/** What a kind of barrier needs besides the barrier. */
interface Kind {
  open(database: Database, concurrencyLimit: number, turn: Turn): Promise<Barrier>;
  /** Makes sure that a failure may be persisted. */
  saved(barrier: Barrier): Promise<void>;
}

/** It has no store: a restart tells it the failures that the database knows. */
const inMemory: Kind = {
  open: async (database, concurrencyLimit) => {
    const barrier = new Barrier({ concurrencyLimit, onIllegalSequence: 'throw' });
    for (const { job, state } of database.rows) {
      if (state === 'failed') barrier.stateChanged(job.key, job.id, 'failed');
    }
    return barrier;
  },
  saved: async () => undefined,
};

/** A store whose every other save fails, with a half of it applied, and which does nothing more once its process is dead. */
function fragile(store: HeldKeyStore, turn: Turn): HeldKeyStore {
  const alive = () => turn().catch(() => new Promise<never>(() => undefined));
  let saves = 0;
  return {
    load: (barrier) => store.load(barrier),
    save: async (barrier, { held, released }) => {
      await alive();
      await store.save(barrier, { held, released: [] });
      await alive();
      if (saves++ % 2 === 1) throw new Error('The connection was lost.');
      await store.save(barrier, { held: [], released });
      await alive();
    },
  };
}

const persistent: Kind = {
  open: async (database, concurrencyLimit, turn) => {
    const barrier = await PersistentBarrier.open({
      name: 'simulated',
      store: fragile(database.heldKeys, turn),
      concurrencyLimit,
      onIllegalSequence: 'throw',
      retryPolicy: fixed(0, 1),
      clock: Object.assign(new SystemClock(), { sleep: turn }),
    });
    await barrier.reconcile(({ failedJobId }) =>
      database.rows.some(({ job, state }) => job.id === failedJobId && state !== 'ended'),
    );
    return barrier;
  },
  saved: (barrier) => (barrier as PersistentBarrier).saved(),
};

/** One life of the process, up to its crash or until all jobs have ended. */
class Life {
  private dead = false;
  private turns = 0;
  private readonly underWay = new Set<Job>();
  private readonly queues: Job[][] = Array.from({ length: WORKERS }, () => []);
  private readonly results: Result[] = [];

  constructor(
    private readonly scheduler: fc.Scheduler,
    private readonly database: Database,
    private readonly judge: Judge,
    private readonly kind: Kind,
  ) {}

  readonly turn: Turn = async () => {
    await this.scheduler.schedule(Promise.resolve());
    if (this.dead) throw new Crash();
    if (++this.turns > MAX_TURNS) throw new Error('Some jobs never end.');
  };

  async run(concurrencyLimit: number, turnsToLive: number): Promise<Barrier> {
    const barrier = await this.kind.open(this.database, concurrencyLimit, this.turn);
    const parts = [
      this.generate(barrier),
      ...this.queues.map((queue) => this.work(barrier, queue)),
      this.commit(barrier),
      this.die(turnsToLive),
    ];
    await Promise.all(parts.map((part) => part.catch((error) => this.stop(error))));
    return barrier;
  }

  /** An objection of the judge ends the other parts too. */
  private stop(error: unknown): void {
    this.dead = true;
    if (!(error instanceof Crash)) throw error;
  }

  private get over(): boolean {
    return this.dead || (this.database.allEnded && this.underWay.size === 0);
  }

  private async die(turnsToLive: number): Promise<void> {
    for (let turn = 0; turn < turnsToLive && !this.over; turn++) await this.turn();
    this.dead = !this.over;
  }

  private async generate(barrier: Barrier): Promise<void> {
    while (!this.over) {
      this.database.round++;
      barrier.sync();
      await this.turn();
      const pending = this.database.due().filter((job) => !this.underWay.has(job));
      await this.turn();
      for (const job of pending) this.offer(barrier, job);
    }
  }

  private offer(barrier: Barrier, job: Job): void {
    const { accepted, previousFailedJobId } = barrier.enter(job.key, job.id);
    const queue = this.queues[KEYS.indexOf(job.key) % WORKERS] ?? [];
    if (accepted && queue.length < QUEUE_CAPACITY) {
      this.underWay.add(job);
      queue.push(job);
    } else if (accepted) {
      barrier.leave(job.key, job.id);
    } else if (job.drained && previousFailedJobId !== undefined) {
      this.database.commit([{ job, state: 'aborted' }]);
      barrier.stateChanged(job.key, job.id, 'aborted');
    }
  }

  private async work(barrier: Barrier, queue: Job[]): Promise<void> {
    while (!this.over) {
      await this.turn();
      const job = queue.shift();
      if (!job) continue;
      if (barrier.wait(job.key, job.id).wait) {
        this.results.push({ job, state: 'waiting' });
        continue;
      }
      this.judge.sent(job);
      await this.turn();
      const state = job.outcomes[this.database.row(job).attempt] ?? 'succeeded';
      if (state === 'failed') {
        this.judge.failedAttempt(job);
        barrier.stateChanged(job.key, job.id, 'failed');
      }
      this.results.push({ job, state });
    }
  }

  private async commit(barrier: Barrier): Promise<void> {
    while (!this.over) {
      await this.turn();
      const batch = this.results.splice(0, 3);
      if (batch.some(({ state }) => state === 'failed')) await Promise.race([this.kind.saved(barrier), this.death()]);
      await this.turn();
      this.database.commit(batch);
      await this.turn();
      for (const { job, state } of batch) {
        this.underWay.delete(job);
        if (state !== 'failed') barrier.stateChanged(job.key, job.id, state);
      }
    }
  }

  private async death(): Promise<void> {
    while (!this.dead) await this.turn();
  }
}

const job = fc.record({
  key: fc.constantFrom(...KEYS),
  failures: fc.integer({ min: 0, max: 2 }),
  end: fc.constantFrom<JobState>('succeeded', 'succeeded', 'filtered', 'aborted'),
  delayRounds: fc.integer({ min: 0, max: 4 }),
  drained: fc.boolean(),
});

const story = fc.record({
  jobs: fc.array(job, { minLength: 1, maxLength: 12 }),
  concurrencyLimit: fc.integer({ min: 0, max: 2 }),
  crashes: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 3 }),
});

describe.each([
  ['in memory', inMemory],
  ['with a store', persistent],
])('a pipeline around a barrier %s', (_name, kind) => {
  it('keeps the order through failures, aborts, waits and crashes, and ends every job once', async () => {
    await fc.assert(
      fc.asyncProperty(story, fc.scheduler(), async ({ jobs, concurrencyLimit, crashes }, scheduler) => {
        const judge = new Judge();
        const database = new Database(
          jobs.map(({ failures, end, ...rest }, id) => ({
            ...rest,
            id,
            outcomes: [...Array<JobState>(failures).fill('failed'), end],
          })),
          judge,
        );
        let barrier: Barrier | undefined;
        for (const turnsToLive of [...crashes, Number.POSITIVE_INFINITY]) {
          judge.crashed(database);
          const life = new Life(scheduler, database, judge, kind);
          barrier = await scheduler.waitFor(life.run(concurrencyLimit, turnsToLive));
        }
        expect(database.allEnded).toBe(true);
        // A limiter stays until the next job of its key has ended.
        for (const key of KEYS) barrier?.stateChanged(key, 1000, 'succeeded');
        barrier?.sync();
        expect(barrier?.size).toBe(0);
        if (barrier) await scheduler.waitFor(kind.saved(barrier));
        expect(await database.heldKeys.load('simulated')).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});
