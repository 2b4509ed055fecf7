import { describe, expect, it } from 'vitest';
import { formatDuration, parseDurationMs } from './duration.js';

describe('Durations', () => {
  it.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['2d', 172_800_000],
    ['0s', 0],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each(['', '5', '5 m', '-1s', '1w', 'm', '1e3s', 'Infinitys'])('%j is refused', (text) => {
    expect(() => parseDurationMs(text)).toThrow(/Write it like/);
  });

  it.each([
    [0, '0ms'],
    [999.6, '1000ms'],
    [1000, '1s'],
    [61_000, '1m 1s'],
    [7_500_000, '2h 5m'],
    [86_400_000, '1d 0h'],
  ])('%d ms are %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
