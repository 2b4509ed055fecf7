import { describe, expect, it } from 'vitest';
import { retryAfterMs } from './retry-after.js';

const NOW_MS = Date.UTC(2026, 0, 1, 12);

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['Thu, 01 Jan 2026 12:00:30 GMT', 30_000],
    ['Thu, 01 Jan 2026 11:00:00 GMT', 0],
    ['Fri, 01 Jan 2027 12:00:00 GMT', 3_600_000],
    ['99999999999999999999', 3_600_000],
  ])('%j is %d ms', (value, ms) => {
    expect(retryAfterMs(value, NOW_MS)).toBe(ms);
  });

  it.each([null, '', ' ', 'soon', '-5 minutes'])('%j says nothing', (value) => {
    expect(retryAfterMs(value, NOW_MS)).toBeUndefined();
  });
});
