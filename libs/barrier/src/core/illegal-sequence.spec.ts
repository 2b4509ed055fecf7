import { describe, expect, it } from 'vitest';
import { Barrier, IllegalJobSequenceError, type BarrierOptions } from '../index.js';

/** A key that is held by job 5, with job 3 inside. */
function held(options: BarrierOptions<string, number> = {}) {
  const illegal: unknown[] = [];
  const barrier = new Barrier({ onIllegal: (...seen) => illegal.push(seen), ...options });
  barrier.enter('a', 3);
  barrier.enter('a', 5);
  barrier.stateChanged('a', 5, 'failed');
  return { barrier, illegal };
}

function thrownBy(call: () => unknown): IllegalJobSequenceError {
  try {
    call();
  } catch (error) {
    if (error instanceof IllegalJobSequenceError) return error;
  }
  throw new Error('Expected an IllegalJobSequenceError.');
}

const points = [
  ['enter', (barrier: Barrier) => barrier.enter('a', 3)],
  ['wait', (barrier: Barrier) => barrier.wait('a', 3)],
  ['failed', (barrier: Barrier) => barrier.stateChanged('a', 3, 'failed')],
] as const;

describe.each(points)('a job before the failed one, at %s', (at, call) => {
  it('is reported', () => {
    const { barrier, illegal } = held();
    call(barrier);
    expect(illegal).toEqual([[at, 'a', 3, 5]]);
  });

  it('is thrown on demand, reported too, and changes nothing', () => {
    const { barrier, illegal } = held({ onIllegalSequence: 'throw' });
    const before = barrier.toString();
    expect(() => call(barrier)).toThrow(IllegalJobSequenceError);
    expect(illegal).toEqual([[at, 'a', 3, 5]]);
    expect(barrier.toString()).toBe(before);
  });

  it('throws an error that says what happened and what to do', () => {
    const { barrier } = held({
      onIllegalSequence: 'throw',
      metadata: { zone: 'eu' },
      debugInfo: (key) => `key ${key} was moved`,
    });
    const error = thrownBy(() => call(barrier));
    expect(error).toMatchObject({ code: 'TURNPIKE_BARRIER_ILLEGAL_SEQUENCE', at, key: 'a', jobId: 3, failedJobId: 5 });
    expect(error.message).toBe(
      `Job 3 of key "a" came (${at}) after the later job 5 had failed. Offer the jobs of a key to the barrier in the ` +
        `order of their ids, or leave the key out of the order with orderingDisabled. (zone: eu; key a was moved)`,
    );
  });
});

describe('a reported job', () => {
  it('is treated like any other of a held key', () => {
    const { barrier } = held();
    expect(barrier.enter('a', 3)).toEqual({ accepted: false, previousFailedJobId: 5 });
    expect(barrier.wait('a', 3)).toEqual({ wait: true, previousFailedJobId: 5 });
    barrier.stateChanged('a', 3, 'failed');
    expect(barrier.toString()).toBe('Barrier{[{key: a, failedJobId: 5, inside: []}]}');
  });
});

describe('no illegal sequence', () => {
  it('is the failed job, a later one, or one that ends', () => {
    const { barrier, illegal } = held();
    barrier.enter('a', 5);
    barrier.enter('a', 6);
    barrier.wait('a', 6);
    barrier.stateChanged('a', 6, 'failed');
    barrier.stateChanged('a', 3, 'succeeded');
    barrier.sync();
    expect(illegal).toEqual([]);
  });
});
