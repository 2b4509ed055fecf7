import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { outgoing } from '../../../../test/support/outgoing-message.js';
import { headerValue, percentEncoded, wireMessage } from './wire-message.js';

describe('a header line', () => {
  it.each(['', 'a', 'a b', 'x=1, y="2" %41', '~!'])('carries %j as it is', (value) => {
    expect(headerValue(value)).toBe(value);
  });

  it.each([
    ['Zoë', 'Zo%C3%AB'],
    [' a', '%20a'],
    ['a\r\nb: c', 'a%0D%0Ab:%20c'],
    ['Euro € 😀', 'Euro%20%E2%82%AC%20%F0%9F%98%80'],
  ])('carries %j percent-encoded', (value, encoded) => {
    expect(headerValue(value)).toBe(encoded);
  });

  it('loses nothing by being percent-encoded, and holds printable ASCII only', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((value) => value.isWellFormed());
    fc.assert(
      fc.property(text, (value) => {
        expect(percentEncoded(value)).toMatch(/^[\x21-\x7e]*$/);
        expect(decodeURIComponent(percentEncoded(value))).toBe(value);
      }),
    );
  });
});

describe('wireMessage', () => {
  const binding = { prefix: 'ce-', encode: percentEncoded };

  it('gives the stored bytes without a copy', () => {
    const stored = new Uint8Array([0, 1, 2, 3]);
    const { body } = wireMessage(outgoing({ body: stored.subarray(1, 3) }), undefined, binding);
    expect([...body]).toEqual([1, 2]);
    expect(body.buffer).toBe(stored.buffer);
  });

  it('encodes attributes as the binding says, and leaves the content type to the field of its own', () => {
    const { attributes, contentType } = wireMessage(outgoing({ key: 'a b' }), { mode: 'binary' }, binding);
    expect(attributes).toMatchObject({ 'ce-partitionkey': 'a%20b', 'ce-type': 'order.placed' });
    expect(attributes).not.toHaveProperty('ce-datacontenttype');
    expect(contentType).toBe('application/json');
  });

  it('repeats the content type among the attributes where the binding demands it', () => {
    const repeating = { ...binding, repeatsContentType: true };
    const { attributes } = wireMessage(outgoing(), { mode: 'binary' }, repeating);
    expect(attributes).toMatchObject({ 'ce-datacontenttype': 'application/json' });
  });
});
