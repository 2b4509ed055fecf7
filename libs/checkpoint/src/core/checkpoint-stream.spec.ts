import { AsyncLocalStorage } from 'node:async_hooks';
import { exponential } from 'nestjs-turnpike/timing';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  CheckpointClosedError,
  CheckpointCommitError,
  CheckpointFencedError,
  CheckpointOrderError,
  CheckpointPayloadError,
} from '../checkpoint.errors.js';
import { MemoryCheckpointStore } from '../testing/index.js';
import { type JsonValue } from './checkpoint-store.js';
import { CheckpointStream, type StreamObserver } from './checkpoint-stream.js';
import { type StreamOptions } from './stream-options.js';

/** A store in memory that can be down, and that can keep its saves waiting. */
class TestStore extends MemoryCheckpointStore {
  readonly saved: JsonValue[] = [];
  down = false;
  /** While it is set, a save waits for it before it is done. */
  gate: Promise<void> | undefined;
  calls = 0;
  mostInFlight = 0;
  private inFlight = 0;

  override async save(stream: string, partition: string, epoch: bigint, position: JsonValue): Promise<boolean> {
    this.calls++;
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    await this.gate;
    this.inFlight--;
    if (this.down) throw new Error('the store is down');
    const saved = await super.save(stream, partition, epoch, position);
    if (saved) this.saved.push(position);
    return saved;
  }
}

/** A promise that the test resolves. */
function gate(): { promise: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open: () => open() };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let clock: ManualClock;
let store: TestStore;
let told: string[];

const observer: StreamObserver = {
  committed: (durationMs) => told.push(`committed in ${durationMs} ms`),
  commitFailed: (error) => told.push(error.name),
  fenced: (error) => told.push(error.name),
  closed: (uncommitted) => told.push(`closed, ${uncommitted} uncommitted`),
};

beforeEach(() => {
  clock = new ManualClock();
  store = new TestStore();
  told = [];
});

function open<Position extends JsonValue = number>(
  options: StreamOptions<Position> = {},
): Promise<CheckpointStream<Position>> {
  const retryPolicy = exponential(0, 100, 1000).withJitter(0);
  return CheckpointStream.open<Position>(store, 'orders', { ...options, clock, retryPolicy }, observer);
}

/** Tracks a position and resolves it at once. */
async function pass(stream: CheckpointStream, ...positions: number[]): Promise<void> {
  for (const position of positions) (await stream.track(position))();
}

describe('when a stream commits', () => {
  it('does nothing while there is nothing to commit', async () => {
    const stream = await open();
    await stream.track(1);
    (await stream.track(2))();
    await clock.advance(60_000);
    expect(clock.waiting).toBe(0);
    expect(store.calls).toBe(0);
    expect(stream).toMatchObject({ committed: undefined, highest: undefined, pending: 2 });
  });

  it('commits after commitIntervalMs, and not again until there is more', async () => {
    const stream = await open({ commitIntervalMs: 500 });
    await pass(stream, 1, 2);
    await clock.advance(499);
    await pass(stream, 3);
    expect(store.saved).toEqual([]);
    await clock.advance(1);
    expect(store.saved).toEqual([3]);
    expect(stream.committed).toBe(3);
    await clock.advance(60_000);
    expect(clock.waiting).toBe(0);
    await pass(stream, 4);
    await clock.advance(500);
    expect(store.saved).toEqual([3, 4]);
    expect(told).toEqual(['committed in 0 ms', 'committed in 0 ms']);
  });

  it('commits at once after commitEvery resolutions', async () => {
    const stream = await open({ commitEvery: 3 });
    await pass(stream, 1, 2);
    await settled();
    expect(store.saved).toEqual([]);
    await pass(stream, 3);
    await settled();
    expect(store.saved).toEqual([3]);
    await pass(stream, 4, 5);
    await settled();
    expect(store.saved).toEqual([3]);
    await pass(stream, 6);
    await settled();
    expect(store.saved).toEqual([3, 6]);
  });

  it('counts a resolver that is called again once', async () => {
    const stream = await open({ commitEvery: 3 });
    const resolve = await stream.track(1);
    expect([resolve(), resolve(), resolve(), resolve()]).toEqual([1, 1, 1, 1]);
    await settled();
    expect(store.saved).toEqual([]);
  });

  it('commits no position above an unresolved one, however many are resolved', async () => {
    const stream = await open({ commitEvery: 3 });
    await pass(stream, 1);
    const stuck = await stream.track(2);
    await clock.advance(1000);
    await pass(stream, 3, 4, 5, 6);
    await clock.advance(60_000);
    expect(store.saved).toEqual([1]);
    stuck();
    await settled();
    expect(store.saved).toEqual([1, 6]);
  });

  it('saves one position at a time, the newest by then', async () => {
    const slow = gate();
    store.gate = slow.promise;
    const stream = await open({ commitEvery: 1 });
    await pass(stream, 1);
    await settled();
    await pass(stream, 2, 3, 4);
    const commits = [stream.commit(), stream.commit()];
    await clock.advance(60_000);
    expect(store.calls).toBe(1);
    slow.open();
    await Promise.all(commits);
    await settled();
    expect([store.saved, store.mostInFlight]).toEqual([[1, 4], 1]);
  });

  it('commits on demand', async () => {
    const stream = await open();
    await stream.commit();
    await pass(stream, 1);
    await stream.commit();
    await stream.commit();
    expect(store.saved).toEqual([1]);
  });

  it('leaves the async context of whoever resolves, which may be a transaction', async () => {
    const transaction = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const save = store.save.bind(store);
    store.save = (...row) => {
      seen.push(transaction.getStore());
      return save(...row);
    };
    const stream = await open({ commitEvery: 1 });
    await transaction.run('open', () => pass(stream, 1));
    await settled();
    expect([store.saved, seen]).toEqual([[1], [undefined]]);
  });
});

describe('a store that fails', () => {
  it('is tried again with backoff, while tracking goes on', async () => {
    store.down = true;
    const stream = await open({ commitEvery: 2, capacity: 5 });
    await pass(stream, 1, 2);
    await settled();
    expect([store.calls, stream.failures]).toEqual([1, 1]);
    // Resolutions do not cut the backoff short.
    await pass(stream, 3, 4, 5, 6, 7, 8, 9);
    await clock.advance(99);
    expect(store.calls).toBe(1);
    await clock.advance(1);
    expect(store.calls).toBe(2);
    await clock.advance(199);
    expect(store.calls).toBe(2);
    await clock.advance(1);
    expect([store.calls, stream.failures, stream.committed]).toEqual([3, 3, undefined]);
    store.down = false;
    await clock.advance(400);
    expect([store.saved, stream.failures, stream.committed]).toEqual([[9], 0, 9]);
    expect(told.slice(2)).toEqual(['CheckpointCommitError', 'committed in 0 ms']);
    expect(clock.waiting).toBe(0);
  });

  it('rejects a commit on demand, with the cause', async () => {
    store.down = true;
    const stream = await open();
    await pass(stream, 1);
    const commit = stream.commit();
    await expect(commit).rejects.toThrow(CheckpointCommitError);
    await expect(commit).rejects.toMatchObject({ cause: new Error('the store is down') });
  });

  it('goes back to its usual rhythm when a commit on demand has succeeded', async () => {
    store.down = true;
    const stream = await open({ commitEvery: 1 });
    await pass(stream, 1);
    await clock.advance(100 + 200 + 400 + 800 + 1000);
    expect(stream.failures).toBe(6);
    store.down = false;
    await stream.commit();
    await settled();
    expect([store.saved, stream.failures, clock.waiting]).toEqual([[1], 0, 0]);
    await pass(stream, 2);
    await settled();
    expect(store.saved).toEqual([1, 2]);
  });
});

describe('a stream that is closed', () => {
  it('has committed what is safe, and says how much is not', async () => {
    const stream = await open({ capacity: 20 });
    await pass(stream, 1, 2);
    const unresolved = await stream.track(3, { size: 10 });
    await pass(stream, 4);
    expect(await stream.close()).toEqual({ committed: 2, uncommitted: 11 });
    expect(store.saved).toEqual([2]);
    expect(told.at(-1)).toBe('closed, 11 uncommitted');
    expect(clock.waiting).toBe(0);
    expect(unresolved()).toBe(4);
    await clock.advance(60_000);
    expect(store.saved).toEqual([2]);
  });

  it('waits for the save that is in flight', async () => {
    const slow = gate();
    store.gate = slow.promise;
    const stream = await open({ commitEvery: 1 });
    await pass(stream, 1);
    await settled();
    await pass(stream, 2);
    const closing = stream.close();
    await settled();
    expect(store.calls).toBe(1);
    slow.open();
    expect(await closing).toEqual({ committed: 2, uncommitted: 0 });
    expect(store.saved).toEqual([1, 2]);
  });

  it('takes nothing more, and rejects who waits for room', async () => {
    const stream = await open({ capacity: 1 });
    await stream.track(1);
    const waiting = stream.track(2);
    const closing = stream.close();
    await expect(waiting).rejects.toThrow(CheckpointClosedError);
    await expect(stream.track(3)).rejects.toThrow(CheckpointClosedError);
    await expect(stream.commit()).rejects.toThrow(CheckpointClosedError);
    expect(stream.signal.reason).toBeInstanceOf(CheckpointClosedError);
    expect(await closing).toEqual({ committed: undefined, uncommitted: 1 });
    expect(stream.close()).toBe(closing);
    expect(told).toEqual(['closed, 1 uncommitted']);
  });

  it('does not wait for a store that is down: it says so', async () => {
    store.down = true;
    const stream = await open({ commitEvery: 1 });
    await pass(stream, 1);
    await settled();
    await expect(stream.close()).rejects.toThrow(CheckpointCommitError);
    expect(store.calls).toBe(2);
    expect(clock.waiting).toBe(0);
    expect(told.at(-1)).toBe('closed, 0 uncommitted');
  });

  it('closes itself at the end of a block', async () => {
    {
      await using stream = await open();
      await pass(stream, 1);
    }
    expect(store.saved).toEqual([1]);
    expect((await open()).committed).toBe(1);
  });
});

describe('two owners of one stream', () => {
  it('fences the older one, whose commit does not apply', async () => {
    const older = await open();
    await pass(older, 1);
    await older.commit();
    const newer = await open();
    expect([newer.committed, newer.epoch]).toEqual([1, 2n]);

    await pass(older, 2);
    await older.track(3, { size: 1001 });
    const [waited, committed] = await Promise.allSettled([older.track(4), older.commit()]);
    expect(waited).toMatchObject({ reason: { code: 'TURNPIKE_CHECKPOINT_FENCED' } });
    expect(committed).toMatchObject({ reason: { code: 'TURNPIKE_CHECKPOINT_FENCED' } });
    await expect(older.track(5)).rejects.toMatchObject({ stream: 'orders', partition: '', epoch: 1n });
    await expect(older.commit()).rejects.toThrow(CheckpointFencedError);
    expect(older.signal.reason).toBeInstanceOf(CheckpointFencedError);
    await expect(older.close()).rejects.toThrow(CheckpointFencedError);
    expect(told).toEqual(['committed in 0 ms', 'CheckpointFencedError', 'closed, 1001 uncommitted']);

    await pass(newer, 2);
    expect(await newer.close()).toEqual({ committed: 2, uncommitted: 0 });
    expect(store.saved).toEqual([1, 2]);
    expect(clock.waiting).toBe(0);
  });

  it('notices in the background too, and ends quietly at the end of a block', async () => {
    const stream = await open({ commitEvery: 1 });
    {
      await using older = stream;
      await open();
      await pass(older, 1);
      await settled();
      expect(older.signal.aborted).toBe(true);
      expect(clock.waiting).toBe(0);
    }
    await expect(stream.close()).rejects.toThrow(CheckpointFencedError);
    expect(store.calls).toBe(1);
  });

  it('notices at the close at the latest', async () => {
    const older = await open();
    await pass(older, 1);
    await open();
    await expect(older.close()).rejects.toThrow(CheckpointFencedError);
    expect(told).toEqual(['CheckpointFencedError', 'closed, 0 uncommitted']);
  });
});

describe('a position', () => {
  it('is not lower than what a former owner committed', async () => {
    const former = await open();
    await pass(former, 7);
    await former.close();
    const stream = await open();
    await expect(stream.track(6)).rejects.toThrow(CheckpointOrderError);
    await pass(stream, 7, 8);
    expect(stream.highest).toBe(8);
  });

  it.each([10n, undefined, Number.NaN, Number.POSITIVE_INFINITY, { at: 1n }, () => 1])(
    'is refused when it is no JSON: %s',
    async (position) => {
      const stream = await open<JsonValue>({ compare: () => 0 });
      await expect(stream.track(position as unknown as JsonValue)).rejects.toThrow(CheckpointPayloadError);
      expect(stream.pending).toBe(0);
    },
  );

  it('may be any JSON with an order', async () => {
    const compare = (a: string, b: string): number => Number(BigInt(a) - BigInt(b));
    const stream = await open<string>({ compare });
    (await stream.track('9'))();
    (await stream.track('10'))();
    await expect(stream.track('9')).rejects.toThrow(CheckpointOrderError);
    expect(await stream.close()).toEqual({ committed: '10', uncommitted: 0 });
  });

  it('has an age while it is unresolved', async () => {
    const stream = await open();
    expect(stream.oldestUnresolvedMs).toBe(0);
    const first = await stream.track(1);
    await clock.advance(100);
    const second = await stream.track(2);
    await clock.advance(10);
    expect(stream.oldestUnresolvedMs).toBe(110);
    first();
    expect(stream.oldestUnresolvedMs).toBe(10);
    second();
    expect(stream.oldestUnresolvedMs).toBe(0);
  });
});
