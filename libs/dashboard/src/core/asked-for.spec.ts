import { describe, expect, it } from 'vitest';
import { askedDestination, askedIds, askedKey, asId } from './asked-for.js';

describe('What the page asks for', () => {
  it('is ids of 64 bits, as text', () => {
    expect(askedIds({ ids: ['1', '9223372036854775807'] })).toEqual([1n, 9223372036854775807n]);
    expect(asId('-5')).toBe(-5n);
  });

  it.each([
    [undefined],
    [null],
    [{}],
    [{ ids: '1' }],
    [{ ids: [] }],
    [{ ids: [1] }],
    [{ ids: ['1', 'x'] }],
    [{ ids: ['9223372036854775808'] }],
    [{ ids: [''] }],
    [{ ids: Array.from({ length: 1001 }, () => '1') }],
    [Object.create({ ids: ['1'] })],
  ])('is nothing in %j', (body) => {
    expect(askedIds(body)).toBeUndefined();
  });

  it('is a key by its three parts, none of them missing or long', () => {
    const key = { namespace: 'n', destination: 'd', key: '' };
    expect(askedKey({ ...key, more: 1 })).toEqual(key);
    expect(askedKey({ ...key, namespace: undefined })).toBeUndefined();
    expect(askedKey({ ...key, key: 7 })).toBeUndefined();
    expect(askedKey({ ...key, key: 'x'.repeat(1001) })).toBeUndefined();
  });

  it('is a destination by its name, or all of them', () => {
    expect(askedDestination({ destination: 'billing' })).toBe('billing');
    expect(askedDestination({ destination: null })).toBeNull();
    expect([askedDestination({}), askedDestination({ destination: 7 })]).toEqual([undefined, undefined]);
  });
});
