import { describe, expect, it } from 'vitest';
import { formatTable, printable } from './table.js';

describe('A table', () => {
  it('has aligned columns, numbers to the right, and no blanks at the end of a line', () => {
    const rows = [
      ['a', 5, 'x'],
      ['long name', 1200n, undefined],
    ];
    expect(formatTable(['NAME', 'COUNT', 'LAST'], rows)).toEqual([
      'NAME       COUNT  LAST',
      'a              5  x',
      'long name   1200  -',
    ]);
  });

  it('is as wide as the terminal at most', () => {
    expect(formatTable(['A', 'B'], [['x'.repeat(10), 'y'.repeat(10)]], 15)).toEqual([
      'A           B',
      'xxxxxxxxxx  yy…',
    ]);
  });

  it('has a line for each row, and nothing in it that steers a terminal', () => {
    expect(formatTable(['A'], [['two\nlines\u001b[31m\u202e']])).toEqual(['A', 'two\\nlines\\u001b[31m\\u202e']);
    expect(printable('grüße 😀')).toBe('grüße 😀');
  });
});
