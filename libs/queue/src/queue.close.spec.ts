import { setImmediate as turn } from 'node:timers/promises';
import { fixed } from 'nestjs-turnpike/timing';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { MemoryBatchStore } from './testing/index.js';
import { Queue, QueueClosedError, type ProcessContext } from './index.js';

const CLOSED = { code: 'TURNPIKE_QUEUE_CLOSED' };

/** A store that outlives its queues, as a file does. */
function lasting(): MemoryBatchStore {
  return new MemoryBatchStore('test', new ManualClock());
}

async function left(store: MemoryBatchStore): Promise<string[]> {
  const claim = await store.claim(100, 1000);
  return (claim?.batches ?? []).map(({ data }) => Buffer.from(data).toString());
}

describe('Queue.close', () => {
  it('refuses everything that comes after it', async () => {
    const queue = new Queue<number>(async () => undefined, { name: 'test' });
    await queue.close();
    await expect(queue.push(1)).rejects.toMatchObject(CLOSED);
    await expect(queue.flush()).rejects.toMatchObject(CLOSED);
    await expect(queue.close()).rejects.toMatchObject(CLOSED);
    await expect(queue.stats()).rejects.toMatchObject(CLOSED);
  });

  it('is done by `await using`, also after close', async () => {
    let escaped: Queue<number>;
    {
      await using queue = new Queue<number>(async () => undefined, { name: 'test' });
      escaped = queue;
    }
    await expect(escaped.push(1)).rejects.toMatchObject(CLOSED);
    await expect(escaped[Symbol.asyncDispose]()).resolves.toBeUndefined();
  });

  it.each([0, 1])(
    'keeps what was pushed before, those too that wait for room, with flushSize %i',
    async (flushSize) => {
      const store = lasting();
      const options = { name: 'test', store, capacity: 1, flushSize };
      const queue = new Queue<number>(async () => undefined, options, { autoStart: false });
      const pushes = [1, 2, 3].map((item) => queue.push(item));
      await queue.close();
      await Promise.all(pushes);
      expect(await left(store)).toEqual(['[1]', '[2]', '[3]']);
    },
  );

  it('keeps what process pushes while it ends, and gives it no second way in later', async () => {
    const store = lasting();
    let context: ProcessContext<string> | undefined;
    const queue = new Queue<string>(
      async (_batch, given) => {
        context = given;
        await new Promise((closed) => given.signal.addEventListener('abort', closed));
        await turn();
        await given.push('follow-up');
      },
      { name: 'test', store },
    );
    await queue.push('first');
    await expect.poll(() => context).toBeDefined();
    await queue.close();
    expect(await left(store)).toEqual(['["follow-up"]']);
    await expect(context?.push('late')).rejects.toThrow(QueueClosedError);
  });

  it('gives interrupted batches back at once, without a further attempt or a cooldown', async () => {
    const store = lasting();
    let calls = 0;
    const queue = new Queue<number>(
      async () => {
        calls++;
        throw new Error('no');
      },
      {
        name: 'test',
        store,
        retryPolicy: fixed(5, 60_000).withCooldown(60_000),
        onProcessError: () => undefined,
      },
    );
    await queue.push(1);
    await expect.poll(() => calls).toBe(1);
    await queue.close();
    expect(await left(store)).toEqual(['[1]']);
    expect(calls).toBe(1);
  });

  it('waits for a process that succeeds in spite of the signal, and completes its batch', async () => {
    const store = lasting();
    let finish: (() => void) | undefined;
    const queue = new Queue<number>(() => new Promise((resolve) => (finish = resolve)), { name: 'test', store });
    await queue.push(1);
    await expect.poll(() => finish).toBeDefined();
    const closing = queue.close();
    await turn();
    finish?.();
    await closing;
    expect((await store.stats()).batches).toBe(0);
  });

  it('leaves no timer behind', async () => {
    const clock = new ManualClock();
    const store = new MemoryBatchStore('test', clock);
    Object.assign(store, { shared: true });
    const queue = new Queue<number>(async () => undefined, {
      name: 'test',
      store,
      clock,
      flushSize: 9,
      flushTimeoutMs: 5,
    });
    await queue.push(1);
    await clock.advance(1);
    expect(clock.waiting).toBeGreaterThan(0);
    await queue.close();
    expect(clock.waiting).toBe(0);
  });
});
