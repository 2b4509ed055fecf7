import fc from 'fast-check';
import { fixed } from 'nestjs-turnpike/timing';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it, vi } from 'vitest';
import { MemoryBatchStore } from './testing/index.js';
import { Queue, type Process, type QueueOptions } from './index.js';

type StoreMethod = 'append' | 'claim' | 'complete' | 'renew';

/** A queue on a store whose methods fail as long as they are `broken`. */
function breakable(options: Partial<QueueOptions<number>> = {}, process: Process<number> = async () => undefined) {
  const clock = new ManualClock();
  const store = new MemoryBatchStore('test', clock);
  const broken = new Set<StoreMethod>();
  for (const method of ['append', 'claim', 'complete', 'renew'] as const) {
    const works = store[method].bind(store) as (...args: unknown[]) => Promise<never>;
    store[method] = async (...args: unknown[]) => {
      if (broken.has(method)) throw new Error(`${method} is broken`);
      return works(...args);
    };
  }
  const errors: string[] = [];
  const processed: number[] = [];
  const queue = new Queue<number>(
    async (batch, context) => {
      await process(batch, context);
      processed.push(...batch);
    },
    {
      name: 'test',
      store,
      clock,
      onInternalError: (error) => errors.push(error.message),
      onProcessError: () => undefined,
      ...options,
    },
  );
  return { queue, clock, store, broken, errors, processed };
}

describe('A store that fails', () => {
  it('makes a stored push reject, keeps its item, and stores it when it works again', async () => {
    const { queue, clock, broken, errors, processed } = breakable();
    broken.add('append');
    await expect(queue.push(1, { until: 'stored' })).rejects.toMatchObject({ code: 'TURNPIKE_QUEUE_STORE' });
    expect(errors).toHaveLength(1);
    broken.clear();
    await clock.advance(1000);
    expect(processed).toEqual([1]);
  });

  it('is tried again with backoff, not in a loop', async () => {
    const { queue, clock, broken, errors } = breakable();
    broken.add('append');
    await queue.push(1);
    await clock.advance(10_000);
    // 100 ms, doubled each time: 0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3 s
    expect(errors.length).toBe(7);
  });

  it('makes a close that cannot store reject with what is lost, and ends those who wait', async () => {
    const { queue, broken } = breakable({ capacity: 2 });
    broken.add('append');
    const pushes = [queue.push(1), queue.push(2), queue.push(3)];
    await expect(queue.close()).rejects.toThrow(/could not store 2 items: append is broken.*they are lost/);
    await expect(pushes[2]).rejects.toMatchObject({ code: 'TURNPIKE_QUEUE_STORE' });
  });

  it('shows in the workers that are alive, and they work again when it does', async () => {
    const { queue, clock, broken, errors, processed } = breakable();
    await clock.advance(0);
    expect((await queue.stats()).workers).toEqual({ alive: 1, working: 0, total: 1 });
    broken.add('claim');
    await queue.push(1);
    await clock.advance(1000);
    expect((await queue.stats()).workers.alive).toBe(0);
    expect(errors).toContain('claim is broken');
    broken.clear();
    await clock.advance(5000);
    expect(processed).toEqual([1]);
    expect((await queue.stats()).workers.alive).toBe(1);
  });

  it('does not make processed items come again when their completion fails for a moment', async () => {
    const { queue, clock, store, broken, processed } = breakable({ claimMs: 30_000 });
    broken.add('complete');
    await queue.push(1);
    await clock.advance(20_000);
    broken.clear();
    await clock.advance(40_000);
    expect(processed).toEqual([1]);
    expect((await store.stats()).batches).toBe(0);
  });
});

describe('A callback that throws', () => {
  it('ends neither the worker nor the commits', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const onInternalError = (): never => {
      throw new Error('no logger');
    };
    const { queue, clock, broken, processed } = breakable({ onInternalError });
    broken.add('append').add('claim');
    await queue.push(1);
    await clock.advance(1000);
    broken.clear();
    await clock.advance(5000);
    expect(processed).toEqual([1]);
    expect(warn).toHaveBeenCalledWith('A callback of the queue "test" threw: no logger', 'TurnpikeQueueWarning');
  });
});

describe('A batch of another codec', () => {
  it('that another process stored meanwhile is reported, not processed, and stays as it is', async () => {
    const { queue, clock, store, errors, processed } = breakable({ claimMs: 1000 });
    await queue.open();
    await store.append([{ codec: 'v8', items: 1, data: Buffer.from('?') }]);
    await queue.push(1);
    await clock.advance(500);
    expect(processed).toEqual([1]);
    expect(errors.join()).toMatch(/holds batches written by the codec v8, but is configured with json/);
    expect((await queue.stats()).items).toBe(1);
    await queue.close();
  });
});

describe('A claim', () => {
  it('is renewed for as long as process runs', async () => {
    let finish = (): void => undefined;
    const { queue, clock, store, processed } = breakable({ claimMs: 300 }, () => new Promise((end) => (finish = end)));
    await queue.push(1);
    await clock.advance(2000);
    expect(await store.claim(1, 1000)).toBeUndefined();
    finish();
    await clock.advance(0);
    expect(processed).toEqual([1]);
    expect(clock.waiting).toBe(0);
  });

  it('that could not be renewed in time aborts the signal, and its late completion is refused', async () => {
    const reasons: unknown[] = [];
    let finish = (): void => undefined;
    const { queue, clock, store, broken, errors } = breakable({ claimMs: 300 }, (_batch, { signal }) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason));
      return new Promise((end) => (finish = end));
    });
    await queue.push(1);
    await clock.advance(50);
    broken.add('renew');
    await clock.advance(249);
    expect(reasons).toEqual([]);
    await clock.advance(1);
    expect(reasons).toMatchObject([{ code: 'TURNPIKE_QUEUE_CLAIM_LOST' }]);
    broken.clear();
    const taken = await store.claim(1, 10_000);
    expect(taken?.batches).toHaveLength(1);
    finish();
    await clock.advance(0);
    expect(errors.at(-1)).toMatch(/lost its claim/);
    expect((await store.stats()).batches).toBe(1);
  });
});

describe('Dead letters', () => {
  // At random places; in one batch, next to each other; and each in a batch of its own, which takes the most calls.
  const places = [
    ...[1, 2, 3].map(
      (seed) =>
        fc.sample(fc.uniqueArray(fc.nat(9999), { minLength: 10, maxLength: 10 }), { seed, numRuns: 1 })[0] ?? [],
    ),
    [10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
    [99, 198, 297, 396, 495, 594, 693, 792, 891, 990],
  ];

  it.each(places.map((poisoned) => [poisoned]))(
    'are the 10 poison items among 10,000, at %j, found in at most 150 extra calls',
    async (poisoned) => {
      const poison = new Set(poisoned);
      const [anyOfThem = 0] = poisoned;
      let calls = 0;
      const { queue, processed } = breakable(
        { clock: undefined as never, flushSize: 100, retryPolicy: fixed(1, 0), onExhausted: 'deadLetter' },
        async (batch) => {
          calls++;
          for (const item of batch) if (poison.has(item)) throw new Error(`cannot do ${item}`);
        },
      );
      for (let item = 0; item < 10_000; item++) await queue.push(item);
      await queue.flush();
      await expect.poll(async () => (await queue.stats()).batches, { timeout: 5000 }).toBe(0);

      expect(processed).toHaveLength(9990);
      expect(new Set(processed).size).toBe(9990);
      expect(calls - 100).toBeLessThanOrEqual(150);
      const letters = await queue.deadLetters.list();
      expect(new Set(letters.map(({ item }) => item))).toEqual(poison);
      expect(letters.find(({ item }) => item === anyOfThem)).toMatchObject({ error: `cannot do ${anyOfThem}` });
      await queue.close();
    },
  );

  it('can be requeued, which processes them again, and purged', async () => {
    let failing = true;
    const { queue, clock, processed } = breakable(
      { retryPolicy: fixed(2, 10), onExhausted: 'deadLetter' },
      async () => {
        if (failing) throw new Error('no');
      },
    );
    for (const item of [1, 2]) await queue.push(item);
    await clock.advance(100);
    const ids = (await queue.deadLetters.list()).map(({ id }) => id);
    expect(ids).toHaveLength(2);
    failing = false;
    expect(await queue.deadLetters.requeue(ids.slice(0, 1))).toBe(1);
    await clock.advance(0);
    expect(processed).toEqual([1]);
    expect(await queue.deadLetters.purge(ids)).toBe(1);
    expect(await queue.deadLetters.list()).toEqual([]);
  });

  it('keep what was not tried when the queue closes, and do not bury what was interrupted', async () => {
    const { queue, clock, store, processed } = breakable(
      { flushSize: 4, retryPolicy: fixed(1, 0), onExhausted: 'deadLetter' },
      async (batch, { signal }) => {
        const items = [...batch];
        if (items.length === 4) throw new Error('poison');
        if (items.includes(3)) {
          await new Promise((closed) => signal.addEventListener('abort', closed));
          throw new Error('interrupted');
        }
      },
    );
    for (const item of [1, 2, 3, 4]) await queue.push(item);
    await clock.advance(0);
    await queue.close();
    expect(processed).toEqual([1, 2]);
    expect(Buffer.from((await store.claim(9, 1))?.batches[0]?.data ?? []).toString()).toBe('[3,4]');
    expect(await store.listDeadLetters(9, 0)).toEqual([]);
  });

  it('need a retry policy that ends', () => {
    const start = () =>
      new Queue<number>(async () => undefined, { name: 'test', onExhausted: 'deadLetter', retryPolicy: fixed(0, 10) });
    expect(start).toThrow(/onExhausted must be "return" with a retry policy whose attempts never end/);
  });
});
