import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { Barrier, type BarrierOptions } from '../index.js';

const MINUTE = 60_000;

type Illegal = [at: string, key: string, jobId: number, failedJobId: number];

function open(options: BarrierOptions<string, number> = {}) {
  const clock = new ManualClock();
  const illegal: Illegal[] = [];
  const barrier = new Barrier({ keyThreshold: 2, clock, onIllegal: (...seen) => illegal.push(seen), ...options });
  return { barrier, clock, illegal };
}

/** A key that has just lost its order, with jobs 1, 2 and 3 inside. */
function disabled(options?: BarrierOptions<string, number>) {
  const opened = open(options);
  for (const jobId of [1, 2, 3]) opened.barrier.enter('a', jobId);
  return opened;
}

async function halfEnabled(options?: BarrierOptions<string, number>) {
  const opened = disabled(options);
  await opened.clock.advance(10 * MINUTE);
  opened.barrier.enter('a', 4);
  return opened;
}

describe('the key threshold', () => {
  it('takes the order away when a job finds that many others inside', () => {
    const { barrier } = open();
    for (const jobId of [1, 2, 2]) expect(barrier.enter('a', jobId)).toEqual({ accepted: true });
    expect(barrier.disabled('a')).toBe(false);
    expect(barrier.enter('a', 3)).toEqual({ accepted: true });
    expect(barrier.disabled('a')).toBe(true);
    expect(barrier.disabled('b')).toBe(false);
  });

  it('does not count jobs that left', () => {
    const { barrier } = open();
    for (let jobId = 1; jobId < 10; jobId++) {
      barrier.enter('a', jobId);
      barrier.enter('a', jobId + 100);
      barrier.leave('a', jobId);
      barrier.stateChanged('a', jobId + 100, 'succeeded');
    }
    expect(barrier.disabled('a')).toBe(false);
  });

  it('is off at 0, and may be a function that is read at every use', () => {
    let keyThreshold = 0;
    const { barrier } = open({ keyThreshold: () => keyThreshold });
    for (let jobId = 1; jobId < 10; jobId++) barrier.enter('a', jobId);
    expect(barrier.disabled('a')).toBe(false);
    keyThreshold = 9;
    barrier.enter('a', 10);
    expect(barrier.disabled('a')).toBe(true);
  });

  it('gives a held key up', () => {
    let keyThreshold = 3;
    const { barrier } = open({ keyThreshold: () => keyThreshold });
    for (const jobId of [1, 2, 3]) barrier.enter('a', jobId);
    barrier.stateChanged('a', 1, 'failed');
    expect(barrier.enter('a', 4)).toEqual({ accepted: false, previousFailedJobId: 1 });
    keyThreshold = 2;
    expect(barrier.enter('a', 4)).toEqual({ accepted: true });
    expect(barrier.peek('a')).toBeUndefined();
    expect(barrier.wait('a', 2)).toEqual({ wait: false });
  });
});

describe('a disabled key', () => {
  it('accepts all, lets none wait, and is not held by a failure', () => {
    const { barrier, illegal } = disabled();
    barrier.stateChanged('a', 2, 'failed');
    expect(barrier.peek('a')).toBeUndefined();
    expect(barrier.wait('a', 3)).toEqual({ wait: false });
    for (const jobId of [5, 4, 2, 1]) expect(barrier.enter('a', jobId)).toEqual({ accepted: true });
    expect(illegal).toEqual([]);
  });

  it('lets jobs go at once, as nothing depends on their order', () => {
    const { barrier } = disabled();
    for (const jobId of [1, 2, 3]) barrier.stateChanged('a', jobId, 'succeeded');
    expect(barrier.sync()).toBe(0);
    expect(barrier.size).toBe(0);
  });

  it('changes on an enter only, when its time is over', async () => {
    const { barrier, clock } = disabled();
    await clock.advance(10 * MINUTE - 1);
    barrier.enter('a', 4);
    expect(barrier.disabled('a')).toBe(true);
    await clock.advance(1);
    barrier.stateChanged('a', 4, 'failed');
    expect(barrier.disabled('a')).toBe(true);
    barrier.enter('a', 4);
    expect(barrier.disabled('a')).toBe(false);
  });

  it('is forgotten when the last job has left, and begins enabled', () => {
    const { barrier } = disabled();
    for (const jobId of [1, 2, 3]) barrier.leave('a', jobId);
    expect(barrier.size).toBe(0);
    barrier.enter('a', 4);
    expect(barrier.disabled('a')).toBe(false);
  });

  it('stays disabled for as long as a function says by then', async () => {
    let disabledForMs = 10 * MINUTE;
    const { barrier, clock } = disabled({ disabledForMs: () => disabledForMs });
    await clock.advance(MINUTE);
    barrier.enter('a', 4);
    expect(barrier.disabled('a')).toBe(true);
    disabledForMs = MINUTE;
    barrier.enter('a', 4);
    expect(barrier.disabled('a')).toBe(false);
  });
});

describe('a half-enabled key', () => {
  it('is ordered, and does not report illegal sequences', async () => {
    const { barrier, illegal } = await halfEnabled({ onIllegalSequence: 'throw' });
    barrier.stateChanged('a', 4, 'failed');
    expect(barrier.enter('a', 5)).toEqual({ accepted: false, previousFailedJobId: 4 });
    expect(barrier.enter('a', 1)).toEqual({ accepted: false, previousFailedJobId: 4 });
    expect(barrier.wait('a', 1)).toEqual({ wait: true, previousFailedJobId: 4 });
    barrier.stateChanged('a', 2, 'failed');
    expect(barrier.peek('a')).toBe(4);
    expect(illegal).toEqual([]);
  });

  it('counts only jobs that entered since it has been ordered again', async () => {
    const { barrier } = await halfEnabled();
    barrier.enter('a', 3);
    barrier.enter('a', 4);
    expect(barrier.disabled('a')).toBe(false);
    barrier.enter('a', 5);
    expect(barrier.disabled('a')).toBe(true);
  });

  it('becomes enabled on the first enter after its time, and keeps its failed job', async () => {
    const { barrier, clock, illegal } = await halfEnabled();
    barrier.stateChanged('a', 4, 'failed');
    await clock.advance(5 * MINUTE - 1);
    barrier.enter('a', 1);
    expect(illegal).toEqual([]);
    await clock.advance(1);
    expect(barrier.wait('a', 1)).toEqual({ wait: true, previousFailedJobId: 4 });
    expect(illegal).toEqual([]);
    expect(barrier.enter('a', 1)).toEqual({ accepted: false, previousFailedJobId: 4 });
    expect(illegal).toEqual([['enter', 'a', 1, 4]]);
  });
});

describe('orderingDisabled', () => {
  it('takes the order of some keys away', () => {
    const { barrier } = open({ keyThreshold: 0, orderingDisabled: (key) => key === 'a' });
    for (const key of ['a', 'b']) {
      barrier.enter(key, 1);
      barrier.enter(key, 2);
      barrier.stateChanged(key, 1, 'failed');
    }
    expect(barrier.disabled('a')).toBe(true);
    expect(barrier.wait('a', 2)).toEqual({ wait: false });
    expect(barrier.enter('a', 3)).toEqual({ accepted: true });
    expect(barrier.disabled('b')).toBe(false);
    expect(barrier.wait('b', 2)).toEqual({ wait: true, previousFailedJobId: 1 });
  });

  it('is asked at every use, and gives a held key up', () => {
    let unordered = false;
    const { barrier } = open({ orderingDisabled: () => unordered });
    barrier.enter('a', 1);
    barrier.enter('a', 2);
    barrier.stateChanged('a', 1, 'failed');
    unordered = true;
    expect(barrier.peek('a')).toBeUndefined();
    expect(barrier.wait('a', 2)).toEqual({ wait: false });
    barrier.stateChanged('a', 2, 'failed');
    expect(barrier.enter('a', 3)).toEqual({ accepted: true });
    unordered = false;
    expect(barrier.peek('a')).toBeUndefined();
  });

  it('leaves a key disabled, then half-enabled, when it ends', async () => {
    let unordered = true;
    const { barrier, clock, illegal } = open({ orderingDisabled: () => unordered });
    barrier.enter('a', 1);
    unordered = false;
    barrier.enter('a', 2);
    expect(barrier.disabled('a')).toBe(true);
    await clock.advance(10 * MINUTE);
    barrier.enter('a', 3);
    expect(barrier.disabled('a')).toBe(false);
    barrier.stateChanged('a', 3, 'failed');
    barrier.enter('a', 1);
    expect(illegal).toEqual([]);
  });

  it('knows no key that it forgot', () => {
    const { barrier } = open({ orderingDisabled: () => true });
    barrier.stateChanged('a', 1, 'failed');
    expect(barrier.size).toBe(0);
    barrier.enter('a', 1);
    barrier.stateChanged('a', 1, 'failed');
    expect(barrier.size).toBe(0);
  });
});
