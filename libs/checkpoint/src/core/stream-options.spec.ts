import { fixed } from 'nestjs-turnpike/timing';
import { describe, expect, it } from 'vitest';
import { checkName, resolveCommitOptions } from './stream-options.js';

describe('stream options', () => {
  it.each([
    ['capacity', { capacity: 0 }],
    ['commitEvery', { commitEvery: 0 }],
    ['commitIntervalMs', { commitIntervalMs: -1 }],
    ['retryPolicy', { retryPolicy: fixed(3, 100) }],
  ])('refuse a bad %s by its name', (name, options) => {
    expect(() => resolveCommitOptions(options)).toThrow(RangeError);
    expect(() => resolveCommitOptions(options)).toThrow(new RegExp(`^${name} must `));
  });

  it.each(['', 'a'.repeat(256), 'a\0b', '\ud800'])('refuse the stream %j', (name) => {
    expect(() => checkName('stream', name, 1)).toThrow(/^stream must be 1 to 255 characters of storable text/);
  });

  it.each(['a', 'ä😀', 'a'.repeat(255)])('accept the stream %j', (name) => {
    expect(() => checkName('stream', name, 1)).not.toThrow();
  });
});
