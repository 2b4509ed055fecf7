import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PartitionError } from '../lessor.errors.js';
import { Partition } from './partition.js';

const anyPartition = fc
  .tuple(fc.bigInt({ min: 0n, max: 1n << 130n }), fc.bigInt({ min: 0n, max: 1n << 130n }))
  .map(([a, b]) => (a < b ? Partition.fromInts(a, b) : Partition.fromInts(b, a)));

describe('Partition', () => {
  it('reads what it prints', () => {
    fc.assert(
      fc.property(anyPartition, (partition) => {
        expect(Partition.parse(partition.toString())).toEqual(partition);
        expect(JSON.parse(JSON.stringify({ partition }))).toEqual({ partition: partition.toString() });
      }),
    );
  });

  it('prints lower-case hex without leading zeros', () => {
    expect(String(Partition.fromInts(0xf0n, 0xffn))).toBe('f0_ff');
    expect(String(Partition.parse('00_00ab'))).toBe('0_ab');
  });

  it.each([
    '',
    '_',
    'f0',
    'f0_',
    '_ff',
    'f0_FF',
    'f0-ff',
    '0x1_0x2',
    'f0_ff_',
    'f0_ff_ff',
    ' f0_ff',
    'g_h',
    '-1_2',
    '2_1',
  ])('refuses %j, by name', (text) => {
    expect(() => Partition.parse(text)).toThrow(PartitionError);
    expect(() => Partition.parse(text)).toThrow(JSON.stringify(text));
  });

  it('is made of whole numbers in order', () => {
    expect(Partition.fromInts(3, 7)).toEqual(Partition.fromInts(3n, 7n));
    expect(() => Partition.fromInts(7, 3)).toThrow('"7_3" is not a partition');
    expect(() => Partition.fromInts(-1n, 3n)).toThrow(PartitionError);
    expect(() => Partition.fromInts(0.5, 3)).toThrow(RangeError);
  });

  it('spans from the first to the last key, both included', () => {
    expect(Partition.spanInclusive('00', 'ff')).toEqual(Partition.universe(1));
    expect(Partition.spanInclusive('a', 'a').size).toBe(1n);
    expect(() => Partition.spanInclusive('A', 'ff')).toThrow(PartitionError);
    expect(() => Partition.spanInclusive('ff', '00')).toThrow(PartitionError);
  });

  it('knows what lies in it and what overlaps it', () => {
    fc.assert(
      fc.property(anyPartition, anyPartition, (a, b) => {
        const common = min(a.high, b.high) - max(a.low, b.low);
        expect(a.overlaps(b)).toBe(common > 0n);
        expect(a.contains(b)).toBe(b.isEmpty || common === b.size);
      }),
    );
  });

  describe('queryBounds', () => {
    it('pads to the width of the keys, and sorts an end beyond them after every key', () => {
      expect(Partition.parse('f_1f').queryBounds(2)).toEqual(['000f', '001f']);
      expect(Partition.parse('f0_100').queryBounds(1)).toEqual(['f0', 'g']);
      expect(Partition.parse('100_200').queryBounds(1)).toEqual(['g', 'g']);
    });

    it('finds as text exactly the keys of the range', () => {
      fc.assert(
        fc.property(fc.nat(256), fc.nat(256), fc.nat(255), (a, b, key) => {
          const partition = Partition.fromInts(Math.min(a, b), Math.max(a, b));
          const [low, high] = partition.queryBounds(1);
          const text = key.toString(16).padStart(2, '0');
          expect(text >= low && text < high).toBe(key >= partition.low && key < partition.high);
        }),
      );
    });
  });

  describe('split', () => {
    it('gives at most so many parts, of one size but the last, that make up the whole', () => {
      fc.assert(
        fc.property(anyPartition, fc.integer({ min: 1, max: 70 }), (whole, shards) => {
          const parts = whole.split(shards);
          expect(parts.length).toBeLessThanOrEqual(shards);
          expect(parts.reduce((end, { low, high }) => (low === end ? high : -1n), whole.low)).toBe(
            whole.isEmpty ? whole.low : whole.high,
          );
          const sizes = parts.map(({ size }) => size);
          expect(sizes.slice(0, -1).every((size) => size === sizes[0])).toBe(true);
          expect(sizes.every((size) => size <= sizes[0]!)).toBe(true);
        }),
      );
    });

    it('rounds the increment up, and so may need fewer', () => {
      expect(Partition.fromInts(0, 10).split(4).map(String)).toEqual(['0_3', '3_6', '6_9', '9_a']);
      expect(Partition.fromInts(0, 9).split(4).map(String)).toEqual(['0_3', '3_6', '6_9']);
      expect(() => Partition.fromInts(0, 9).split(0)).toThrow(RangeError);
    });
  });

  describe('splitAfter', () => {
    const whole = Partition.fromInts(0, 1000);

    it('aims at so many items a part, if the rest is as dense as what was seen', () => {
      // 100 keys seen with 50 items: 900 keys have about 450, which is 4.5 parts of 100.
      const parts = whole.splitAfter('63', { itemsBefore: 50, targetItems: 100, maxShards: 16 });
      expect(parts.map(String)).toEqual(Partition.fromInts(100, 1000).split(5).map(String));
    });

    it('gives at least one part and at most `maxShards` while keys are left', () => {
      expect(whole.splitAfter('63', { itemsBefore: 0, targetItems: 100, maxShards: 16 })).toHaveLength(1);
      expect(whole.splitAfter('63', { itemsBefore: 100, targetItems: 1, maxShards: 16 })).toHaveLength(16);
      expect(whole.splitAfter('3e7', { itemsBefore: 100, targetItems: 1, maxShards: 16 })).toEqual([]);
    });

    it('refuses a key before the partition, and numbers that make no sense', () => {
      const density = { itemsBefore: 1, targetItems: 1, maxShards: 1 };
      expect(() => Partition.fromInts(8, 9).splitAfter('7', density)).toThrow(PartitionError);
      expect(() => whole.splitAfter('7', { ...density, targetItems: 0 })).toThrow('targetItems');
      expect(() => whole.splitAfter('7', { ...density, maxShards: 0 })).toThrow('maxShards');
      expect(() => whole.splitAfter('7', { ...density, itemsBefore: -1 })).toThrow('itemsBefore');
    });
  });
});

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
