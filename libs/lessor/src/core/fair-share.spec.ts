import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairShare } from './fair-share.js';

describe('fairShare', () => {
  it('gives everyone the floor, and the first ones by id one more, so that all parts are given', () => {
    const members = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.nat(200), members, (parts, ids) => {
        const shares = ids.toSorted().map((id) => fairShare(parts, ids, id));
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(parts);
        expect(shares).toEqual(shares.toSorted((a, b) => b - a));
        expect(shares[0]! - shares.at(-1)!).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('counts the member itself when the store does not know it yet', () => {
    expect(fairShare(64, ['a', 'b'], 'c')).toBe(21);
    expect(fairShare(64, [], 'c')).toBe(64);
  });
});
