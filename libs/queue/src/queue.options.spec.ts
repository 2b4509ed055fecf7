import { describe, expect, it } from 'vitest';
import { resolveQueueOptions, type QueueOptions } from './queue.options.js';

describe('Queue options', () => {
  it.each<[Partial<QueueOptions<number>>, RegExp]>([
    [{ name: '' }, /^name must have 1 to 100 characters/],
    [{ flushSize: -1 }, /^flushSize must be a whole number of at least 0, but is -1/],
    [{ flushPushes: -1 }, /^flushPushes/],
    [{ flushTimeoutMs: -1 }, /^flushTimeoutMs/],
    [{ workers: 0 }, /^workers must be a whole number of at least 1, but is 0/],
    [{ batches: 0 }, /^batches/],
    [{ capacity: 0 }, /^capacity/],
    [{ capacity: 5, flushSize: 6 }, /^flushSize must be at most capacity \(5\), but is 6/],
    [{ claimMs: 1 }, /^claimMs/],
    [{ pollIntervalMs: Number.NaN }, /^pollIntervalMs/],
    [{ file: { path: '' } }, /^file\.path must be a path without "\?"/],
    [{ file: { path: 'queue.sqlite?mode=ro' } }, /^file\.path/],
    [{ file: { path: 'a' }, store: {} as never }, /^file, dataSource and store must be at most one/],
  ])('refuses %j by its name', (options, message) => {
    const resolve = () => resolveQueueOptions({ name: 'test', ...options });
    expect(resolve).toThrow(RangeError);
    expect(resolve).toThrow(message);
  });

  it('have room for two flushes by default, and take undefined as not given', () => {
    expect(resolveQueueOptions({ name: 'test' })).toMatchObject({ flushSize: 1, capacity: 10_000 });
    expect(resolveQueueOptions({ name: 'test', flushSize: 50_000, workers: undefined })).toMatchObject({
      capacity: 100_000,
      workers: 1,
    });
  });
});
