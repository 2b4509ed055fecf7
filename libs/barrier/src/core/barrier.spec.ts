import { describe, expect, it } from 'vitest';
import { Barrier, UnsupportedStateError, type JobState } from '../index.js';

describe('a key without a failed job', () => {
  it('accepts every job', () => {
    const barrier = new Barrier();
    for (const jobId of [1, 2, 5, 3]) expect(barrier.enter('a', jobId)).toEqual({ accepted: true });
    expect(barrier.wait('a', 2)).toEqual({ wait: false });
    expect(barrier.peek('a')).toBeUndefined();
  });

  it('keeps nothing of a job that ended, and has nothing to sync', () => {
    const barrier = new Barrier();
    for (const state of ['succeeded', 'filtered', 'aborted', 'waiting'] as const) {
      barrier.enter('a', 1);
      barrier.enter('a', 2);
      barrier.stateChanged('a', 1, state);
      barrier.stateChanged('a', 2, state);
      expect(barrier.size).toBe(0);
    }
    expect(barrier.sync()).toBe(0);
  });

  it('ignores the end of a job that never entered', () => {
    const barrier = new Barrier();
    barrier.enter('a', 1);
    barrier.stateChanged('a', 2, 'succeeded');
    barrier.stateChanged('b', 1, 'aborted');
    expect(barrier.toString()).toBe('Barrier{[{key: a, failedJobId: none, inside: [1]}]}');
  });
});

describe('a key with a failed job', () => {
  const held = (): Barrier => {
    const barrier = new Barrier();
    barrier.enter('a', 1);
    barrier.enter('a', 2);
    barrier.stateChanged('a', 1, 'failed');
    return barrier;
  };

  it('refuses every later job, and names the failed one', () => {
    expect(held().enter('a', 3)).toEqual({ accepted: false, previousFailedJobId: 1 });
    expect(held().peek('a')).toBe(1);
  });

  it('accepts the failed job again and again', () => {
    const barrier = held();
    for (let i = 0; i < 2; i++) expect(barrier.enter('a', 1)).toEqual({ accepted: true, previousFailedJobId: 1 });
    expect(barrier.wait('a', 1)).toEqual({ wait: false, previousFailedJobId: 1 });
  });

  it('tells a job that entered before the failure to wait', () => {
    expect(held().wait('a', 2)).toEqual({ wait: true, previousFailedJobId: 1 });
  });

  it('leaves other keys alone', () => {
    expect(held().enter('b', 3)).toEqual({ accepted: true });
    expect(held().wait('b', 3)).toEqual({ wait: false });
  });

  it('keeps the first failed job when another one fails', () => {
    const barrier = held();
    barrier.stateChanged('a', 2, 'failed');
    expect(barrier.peek('a')).toBe(1);
  });

  it('is held without an enter: a restart tells the failures it knows', () => {
    const barrier = new Barrier<string, bigint>();
    barrier.stateChanged('a', 2n ** 60n, 'failed');
    expect(barrier.enter('a', 2n ** 60n + 1n)).toEqual({ accepted: false, previousFailedJobId: 2n ** 60n });
  });

  it.each(['succeeded', 'filtered', 'aborted'] as const)('admits the next only when %s was synced', (state) => {
    const barrier = held();
    barrier.enter('a', 1);
    barrier.stateChanged('a', 1, state);
    expect(barrier.enter('a', 2)).toEqual({ accepted: false, previousFailedJobId: 1 });
    expect(barrier.wait('a', 2)).toEqual({ wait: true, previousFailedJobId: 1 });
    expect(barrier.sync()).toBe(1);
    expect(barrier.enter('a', 2)).toEqual({ accepted: true });
    expect(barrier.sync()).toBe(0);
  });

  it.each(['succeeded', 'filtered', 'aborted', 'waiting'] as const)('stays held when another job is %s', (state) => {
    const barrier = held();
    barrier.stateChanged('a', 2, state);
    expect(barrier.toString()).toContain('inside: [2]');
    expect(barrier.sync()).toBe(1);
    expect(barrier.toString()).toBe('Barrier{[{key: a, failedJobId: 1, inside: []}]}');
  });

  it('stays held when the failed job itself goes back to wait, and when it leaves', () => {
    const barrier = held();
    barrier.enter('a', 1);
    barrier.stateChanged('a', 1, 'waiting');
    barrier.sync();
    barrier.leave('a', 1);
    expect(barrier.peek('a')).toBe(1);
  });
});

describe('leave', () => {
  it('undoes an enter, once or twice', () => {
    const barrier = new Barrier();
    barrier.enter('a', 1);
    barrier.enter('a', 2);
    barrier.leave('a', 1);
    barrier.leave('a', 1);
    expect(barrier.toString()).toBe('Barrier{[{key: a, failedJobId: none, inside: [2]}]}');
    barrier.leave('a', 2);
    barrier.leave('b', 2);
    expect(barrier.size).toBe(0);
  });
});

describe('the concurrency limit', () => {
  const limited = (concurrencyLimit: number | (() => number)): Barrier => {
    const barrier = new Barrier({ concurrencyLimit });
    barrier.enter('a', 1);
    barrier.stateChanged('a', 1, 'failed');
    barrier.stateChanged('a', 1, 'aborted');
    barrier.sync();
    return barrier;
  };
  const accepted = (barrier: Barrier, ...jobs: number[]): number[] =>
    jobs.filter((jobId) => barrier.enter('a', jobId).accepted);

  it('admits that many at a time after a failed job was aborted', () => {
    expect(accepted(limited(1), 2, 3, 4)).toEqual([2]);
    expect(accepted(limited(2), 2, 3, 4)).toEqual([2, 3]);
    expect(accepted(limited(0), 2, 3, 4)).toEqual([2, 3, 4]);
  });

  it('gives an admitted job the same answer again', () => {
    expect(accepted(limited(1), 2, 2)).toEqual([2, 2]);
  });

  it('names no failed job when it refuses', () => {
    const barrier = limited(1);
    barrier.enter('a', 2);
    expect(barrier.enter('a', 3)).toEqual({ accepted: false });
    expect(barrier.wait('a', 2)).toEqual({ wait: false });
  });

  it('is not raised by a job that was never failed', () => {
    const barrier = new Barrier({ concurrencyLimit: 1 });
    barrier.enter('a', 1);
    barrier.stateChanged('a', 1, 'aborted');
    barrier.sync();
    expect(accepted(barrier, 2, 3)).toEqual([2, 3]);
  });

  it('admits the next when one leaves, and after a sync when one goes back to wait', () => {
    const barrier = limited(1);
    expect(accepted(barrier, 2)).toEqual([2]);
    barrier.leave('a', 2);
    expect(accepted(barrier, 3)).toEqual([3]);
    barrier.stateChanged('a', 3, 'waiting');
    expect(accepted(barrier, 4)).toEqual([]);
    barrier.sync();
    expect(accepted(barrier, 4, 5)).toEqual([4]);
  });

  it.each(['succeeded', 'filtered', 'aborted'] as const)('ends when a job is %s, with the next sync', (state) => {
    const barrier = limited(1);
    expect(accepted(barrier, 2)).toEqual([2]);
    barrier.stateChanged('a', 2, state);
    expect(accepted(barrier, 3)).toEqual([]);
    expect(barrier.sync()).toBe(1);
    expect(accepted(barrier, 3, 4, 5)).toEqual([3, 4, 5]);
  });

  it('ends at once when a job fails, which holds the key', () => {
    const barrier = limited(1);
    expect(accepted(barrier, 2)).toEqual([2]);
    barrier.stateChanged('a', 2, 'failed');
    expect(accepted(barrier, 2, 3)).toEqual([2]);
    expect(barrier.peek('a')).toBe(2);
  });

  it('stays with the key while nobody is inside, and is gone with it', () => {
    const barrier = limited(1);
    expect(barrier.size).toBe(1);
    barrier.stateChanged('a', 2, 'succeeded');
    barrier.sync();
    expect(barrier.size).toBe(0);
  });

  it('may be a function, which is read at every use', () => {
    let limit = 1;
    const barrier = limited(() => limit);
    expect(accepted(barrier, 2, 3)).toEqual([2]);
    limit = 2;
    expect(accepted(barrier, 3, 4)).toEqual([3]);
    limit = 0;
    expect(accepted(barrier, 4, 5)).toEqual([4, 5]);
  });
});

describe('bad input', () => {
  it('refuses an unknown state and changes nothing', () => {
    const barrier = new Barrier();
    barrier.enter('a', 1);
    barrier.stateChanged('a', 1, 'failed');
    const before = barrier.toString();
    const unknown = 'executing' as JobState;
    expect(() => barrier.stateChanged('a', 1, unknown)).toThrow(UnsupportedStateError);
    expect(() => barrier.stateChanged('a', 1, unknown)).toThrow(/knows no job state "executing": say 'succeeded', /);
    expect(barrier.sync()).toBe(0);
    expect(barrier.toString()).toBe(before);
  });

  it.each([
    ['concurrencyLimit', -1],
    ['concurrencyLimit', 1.5],
    ['keyThreshold', -1],
    ['keyThreshold', Number.NaN],
    ['disabledForMs', -1],
    ['halfEnabledForMs', Number.POSITIVE_INFINITY],
  ])('refuses %s = %d by name and value', (option, value) => {
    const message = new RegExp(`^${option} must .*, but is ${value}$`);
    expect(() => new Barrier({ [option]: value })).toThrow(RangeError);
    expect(() => new Barrier({ [option]: value })).toThrow(message);
  });

  it('refuses an unknown way to treat illegal sequences', () => {
    expect(() => new Barrier({ onIllegalSequence: 'ignore' as 'report' })).toThrow(
      /^onIllegalSequence must be 'report'/,
    );
  });

  it('refuses a bad value from a function where it is read, and changes nothing', () => {
    let limit = 1;
    const barrier = new Barrier({ concurrencyLimit: () => limit });
    barrier.stateChanged('a', 1, 'failed');
    barrier.stateChanged('a', 1, 'aborted');
    limit = -1;
    expect(() => barrier.sync()).toThrow(/^concurrencyLimit must be a whole number of at least 0, but is -1$/);
    expect(barrier.peek('a')).toBe(1);
    limit = 1;
    expect(barrier.sync()).toBe(1);
    expect(barrier.peek('a')).toBeUndefined();
  });

  it('keeps nothing of a new key when a setting is bad', () => {
    const barrier = new Barrier({ keyThreshold: () => Number.NaN, orderingDisabled: () => true });
    expect(() => barrier.enter('a', 1)).toThrow(/^keyThreshold must/);
    expect(barrier.size).toBe(0);
  });
});

describe('being looked at', () => {
  it('shows its metadata and every key as text', () => {
    const barrier = new Barrier<number, bigint>({ metadata: { zone: 'eu', stage: 'test' } });
    expect(barrier.toString()).toBe('Barrier{zone: eu, stage: test[]}');
    barrier.enter(7, 1n);
    barrier.enter(7, 2n);
    barrier.enter(8, 3n);
    barrier.stateChanged(7, 1n, 'failed');
    expect(barrier.toString()).toBe(
      'Barrier{zone: eu, stage: test[{key: 7, failedJobId: 1, inside: [2]}, {key: 8, failedJobId: none, inside: [3]}]}',
    );
  });

  it('counts the keys with a failed job, a limiter or a job inside, and forgets a million that came and went', () => {
    const barrier = new Barrier({ concurrencyLimit: 1, keyThreshold: 2 });
    for (let jobId = 0; jobId < 1_000_000; jobId++) {
      const key = `key ${jobId}`;
      barrier.enter(key, jobId);
      if (jobId % 100 === 0) barrier.stateChanged(key, jobId, 'failed');
      barrier.stateChanged(key, jobId, 'succeeded');
    }
    expect(barrier.size).toBe(10_000);
    expect(barrier.sync()).toBe(10_000);
    expect(barrier.size).toBe(0);
  });

  it('tells when a key becomes held and when it no longer is', () => {
    const changes: unknown[] = [];
    const barrier = new Barrier({ onHoldChanged: (key, failedJobId) => changes.push([key, failedJobId]) });
    barrier.enter('a', 1);
    barrier.stateChanged('a', 1, 'failed');
    barrier.stateChanged('a', 1, 'failed');
    barrier.stateChanged('a', 2, 'failed');
    barrier.stateChanged('a', 1, 'succeeded');
    expect(changes).toEqual([['a', 1]]);
    barrier.sync();
    expect(changes).toEqual([
      ['a', 1],
      ['a', undefined],
    ]);
  });
});
