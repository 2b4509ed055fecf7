import { setImmediate as turn } from 'node:timers/promises';
import { fixed } from 'nestjs-turnpike/timing';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { MemoryBatchStore } from './testing/index.js';
import { merging, Queue, type FlushCause, type Process, type QueueOptions } from './index.js';

/** A queue on a manual clock that records its calls, as `time: items`. */
function recorded(options: Partial<QueueOptions<number>> = {}, process: Process<number> = async () => undefined) {
  const clock = new ManualClock();
  const calls: string[] = [];
  const flushed: [FlushCause, number][] = [];
  const queue = new Queue<number>(
    async (batch, context) => {
      calls.push(`${clock.now()}: ${[...batch].join(' ')}`);
      await process(batch, context);
    },
    {
      name: 'test',
      clock,
      onProcessError: () => undefined,
      observer: {
        pushed: () => undefined,
        flushed: (cause, items) => flushed.push([cause, items]),
        processed: () => undefined,
        processFailed: () => undefined,
      },
      ...options,
    },
  );
  const pushAll = async (...items: number[]): Promise<void> => {
    for (const item of items) await queue.push(item);
    await clock.advance(0);
  };
  /** A commit is made at the end of a tick, so what a timer flushes is processed in the next one. */
  const advance = async (ms: number): Promise<void> => {
    await clock.advance(ms);
    await clock.advance(0);
  };
  return { queue, clock, calls, flushed, pushAll, advance };
}

/** Keeps the latest number of each last digit. */
const latest = () =>
  merging<number>(
    (item) => item % 10,
    (_former, later) => later,
  );

describe('Queue flushes', () => {
  it('each push by default', async () => {
    const { pushAll, calls, flushed } = recorded();
    await pushAll(1, 2);
    await turn();
    expect(calls).toEqual(['0: 1', '0: 2']);
    expect(flushed).toEqual([
      ['size', 1],
      ['size', 1],
    ]);
  });

  it('by size', async () => {
    const { pushAll, calls } = recorded({ flushSize: 2 });
    await pushAll(1, 2, 3);
    expect(calls).toEqual(['0: 1 2']);
  });

  it('by pushes, which merging does not make fewer', async () => {
    const { pushAll, calls, flushed } = recorded({ flushSize: 0, flushPushes: 3, buffer: latest() });
    await pushAll(1, 11, 2);
    expect(calls).toEqual(['0: 11 2']);
    expect(flushed).toEqual([['pushes', 2]]);
  });

  it('by timeout, counted from the first push into an empty buffer', async () => {
    const { pushAll, advance, calls, flushed } = recorded({ flushSize: 0, flushTimeoutMs: 100 });
    await pushAll(1);
    await advance(60);
    await pushAll(2);
    await advance(39);
    expect(calls).toEqual([]);
    await advance(1);
    await pushAll(3);
    await advance(100);
    expect(calls).toEqual(['100: 1 2', '200: 3']);
    expect(flushed.map(([cause]) => cause)).toEqual(['timeout', 'timeout']);
  });

  it('by whichever of two limits comes first, and starts the timeout anew', async () => {
    const { pushAll, advance, calls } = recorded({ flushSize: 2, flushTimeoutMs: 100 });
    await pushAll(1);
    await advance(50);
    await pushAll(2, 3);
    await advance(99);
    expect(calls).toEqual(['50: 1 2']);
    await advance(1);
    expect(calls).toEqual(['50: 1 2', '150: 3']);
  });

  it('by hand, which resolves when all is stored', async () => {
    const { queue, pushAll, flushed } = recorded({ flushSize: 0 }, () => new Promise(() => undefined));
    await pushAll(1, 2);
    await queue.flush();
    await queue.flush();
    expect(await queue.stats()).toMatchObject({ bufferedItems: 0, items: 2 });
    expect(flushed).toEqual([['manual', 2]]);
  });

  it('on close', async () => {
    const { queue, pushAll, flushed } = recorded({ flushSize: 0 });
    await pushAll(1, 2);
    await queue.close();
    expect(flushed).toEqual([['close', 2]]);
  });
});

describe('Queue merges', () => {
  it('across batches: one call with the merged items, in first-seen order', async () => {
    let release = (): void => undefined;
    const { pushAll, calls } = recorded({ flushSize: 3, batches: 10, buffer: latest() }, (batch) =>
      [...batch][0] === 0 ? new Promise((resolve) => (release = resolve)) : Promise.resolve(),
    );
    // The first call holds the only worker while ten batches gather.
    await pushAll(0, 1, 2);
    await pushAll(3, 1, 2);
    for (let tens = 10; tens < 100; tens += 10) await pushAll(tens + 1, tens + 2, tens + 3);
    release();
    await turn();
    await turn();
    expect(calls).toEqual(['0: 0 1 2', '0: 93 91 92']);
  });
});

describe('Queue works', () => {
  const stored = async (batches: number, options: Partial<QueueOptions<number>>, process?: Process<number>) => {
    const clock = new ManualClock();
    const store = new MemoryBatchStore('test', clock);
    const filler = new Queue<number>(async () => undefined, { name: 'test', store, clock }, { autoStart: false });
    for (let item = 0; item < batches; item++) await filler.push(item);
    await filler.flush();
    return recorded({ ...options, store, clock }, process);
  };

  it('with 10 calls of 10 batches each over 100 stored batches', async () => {
    const { calls, clock } = await stored(100, { batches: 10 });
    await clock.advance(0);
    await expect.poll(() => calls.length).toBe(10);
    expect(calls[0]).toBe('0: 0 1 2 3 4 5 6 7 8 9');
  });

  it('with 10 workers on 10 batches at the same time, never the same one', async () => {
    const { calls, queue } = await stored(12, { workers: 10 }, () => new Promise(() => undefined));
    await expect.poll(() => calls.length).toBe(10);
    expect(new Set(calls).size).toBe(10);
    expect((await queue.stats()).workers).toEqual({ alive: 10, working: 10, total: 10 });
  });

  it('waking as many idle workers as one commit has batches for', async () => {
    const { calls, clock, queue } = recorded({ workers: 5 }, () => new Promise(() => undefined));
    await clock.advance(0);
    for (const item of [1, 2, 3]) await queue.push(item);
    await queue.flush();
    await expect.poll(() => calls).toEqual(['0: 1', '0: 2', '0: 3']);
  });

  it('leaving the event loop to others while there is a backlog', async () => {
    const filler = new MemoryBatchStore('test', new ManualClock());
    await filler.append(Array.from({ length: 5000 }, () => ({ codec: 'json', items: 1, data: Buffer.from('[1]') })));
    const { calls, queue } = recorded({ store: filler, clock: undefined as never });
    let turns = 0;
    for (; calls.length < 5000; turns++) await turn();
    expect(turns).toBeGreaterThan(5);
    await queue.close();
  });

  it('retrying at the times of its policy, then after its cooldown again', async () => {
    const retryPolicy = fixed(3, 100).withJitter(0).withCooldown(500);
    const { clock, calls, pushAll } = recorded({ retryPolicy }, () => Promise.reject(new Error('no')));
    await pushAll(1);
    await clock.advance(1000);
    expect(calls).toEqual(['0: 1', '100: 1', '200: 1', '700: 1', '800: 1', '900: 1']);
  });

  it('counting attempts for process, and deleting what finally succeeded', async () => {
    const attempts: number[] = [];
    const { clock, queue, pushAll } = recorded(
      { retryPolicy: fixed(0, 100).withJitter(0) },
      async (_batch, { attempt }) => {
        attempts.push(attempt);
        if (attempt < 3) throw new Error('not yet');
      },
    );
    await pushAll(1);
    await clock.advance(1000);
    expect(attempts).toEqual([1, 2, 3]);
    expect((await queue.stats()).batches).toBe(0);
  });
});

describe('Queue pushes', () => {
  it('until stored: all of a tick in one commit, which happens at the end of the tick', async () => {
    const clock = new ManualClock();
    const store = new MemoryBatchStore('test', clock);
    const sizes: number[] = [];
    const append = store.append.bind(store);
    store.append = (batches) => {
      sizes.push(batches.length);
      return append(batches);
    };
    const { queue } = recorded({ store, clock, flushSize: 1000 });
    const pushAfter = async (promises: number): Promise<void> => {
      for (let count = 0; count < promises; count++) await Promise.resolve();
      await queue.push(promises, { until: 'stored' });
    };
    await Promise.all([0, 5, 50].map(pushAfter));
    expect(sizes).toEqual([1]);
  });

  it('wait while the capacity is used up, and enter in their order', async () => {
    const { queue, calls } = recorded({ capacity: 2, flushSize: 2 });
    const entered: number[] = [];
    const pushes = [1, 2, 3, 4, 5].map((item) => queue.push(item).then(() => entered.push(item)));
    await Promise.resolve();
    await Promise.resolve();
    expect(entered).toEqual([1, 2]);
    await Promise.all(pushes);
    await queue.flush();
    await expect.poll(() => calls).toEqual(['0: 1 2', '0: 3 4', '0: 5']);
  });

  it('flush a buffer that is full before its limit is reached, or they would wait for ever', async () => {
    const { queue } = recorded({ capacity: 2, flushSize: 0 });
    await Promise.all([1, 2, 3].map((item) => queue.push(item)));
    expect((await queue.stats()).bufferedItems).toBe(1);
  });

  it('reject when their wait for room is aborted, and leave no item', async () => {
    const { queue, calls } = recorded({ capacity: 1 });
    const aborting = new AbortController();
    await queue.push(1);
    const waiting = queue.push(2, { signal: aborting.signal });
    aborting.abort(new Error('too slow'));
    await expect(waiting).rejects.toThrow('too slow');
    await expect(queue.push(3, { signal: aborting.signal })).rejects.toThrow('too slow');
    await queue.close();
    expect(calls.filter((call) => !call.endsWith(' 1'))).toEqual([]);
  });

  it('may wait on one signal in any number, as may workers, without a warning of a leak', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error): unknown => warnings.push(warning);
    process.on('warning', warned);
    const { queue, calls } = recorded({ capacity: 20, workers: 30 }, () => new Promise(() => undefined));
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 50 }, (_, item) => queue.push(item, { until: 'stored', signal })));
    await expect.poll(() => calls.length).toBe(30);
    await turn();
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  it('lose only the item that cannot be encoded', async () => {
    const errors: Error[] = [];
    const calls: unknown[][] = [];
    const queue = new Queue<unknown>(async (batch) => void calls.push([...batch]), {
      name: 'test',
      flushSize: 3,
      onInternalError: (error) => errors.push(error),
    });
    await Promise.all([1, 2n, 3].map((item) => queue.push(item)));
    await expect.poll(() => calls).toEqual([[1, 3]]);
    expect(errors).toMatchObject([{ code: 'TURNPIKE_QUEUE_ITEM_ENCODING' }]);
  });
});
