import { describe, expect, it } from 'vitest';
import { payloadText } from './payload-text.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('A payload as text', () => {
  it('is indented JSON where it was a value', () => {
    const value = { id: 7, big: 12n, script: '<script>alert(1)</script>' };
    expect(payloadText(bytes('{…}'), () => value)).toEqual({
      kind: 'json',
      text: '{\n  "id": 7,\n  "big": "12",\n  "script": "<script>alert(1)</script>"\n}',
      bytes: 5,
      cut: false,
    });
    expect(payloadText(bytes('null'), () => null)).toMatchObject({ kind: 'json', text: 'null' });
  });

  it('is the text of bytes that are text, and hex of others', () => {
    const text = bytes('<b>bold</b>\n');
    expect(payloadText(text, () => text)).toMatchObject({ kind: 'text', text: '<b>bold</b>\n' });
    const binary = Uint8Array.from({ length: 18 }, (_, n) => n);
    expect(payloadText(binary, () => binary)).toEqual({
      kind: 'bytes',
      text: '00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f\n10 11',
      bytes: 18,
      cut: false,
    });
  });

  it('is what is stored where nobody can decode it, or a value is no JSON', () => {
    const damaged = bytes('{"a":');
    const fail = (): never => {
      throw new SyntaxError('damaged');
    };
    expect(payloadText(damaged, fail)).toMatchObject({ kind: 'text', text: '{"a":' });
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    expect(payloadText(bytes('stored'), () => circle)).toMatchObject({ kind: 'text', text: 'stored' });
  });

  it('is cut where it is long, and half a letter is none', () => {
    const long = `${'x'.repeat(65_534)}😀😀`;
    const { text, cut, kind } = payloadText(bytes(long), () => Buffer.from(long));
    expect([text.length, cut, kind, text.isWellFormed()]).toEqual([65_536, true, 'text', true]);
    const binary = new Uint8Array(10_000);
    expect(payloadText(binary, () => binary)).toMatchObject({ kind: 'bytes', bytes: 10_000, cut: true });
  });
});
