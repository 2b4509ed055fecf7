import { describe, expect, it } from 'vitest';
import { checkDuration, checkInteger, checkOption } from './check-option.js';

describe('an option', () => {
  it.each([
    ['capacity', 0, 'capacity must be at least 1, but is 0'],
    ['name', '', 'name must be at least 1, but is ""'],
    ['name', undefined, 'name must be at least 1, but is undefined'],
    ['size', 5n, 'size must be at least 1, but is 5'],
  ])('that breaks its rule is refused by name and value: %s %o', (name, value, message) => {
    expect(() => checkOption(name, value, false, 'be at least 1')).toThrow(new RangeError(message));
  });

  it('that holds is not', () => {
    expect(() => checkOption('capacity', 1, true, 'be at least 1')).not.toThrow();
  });
});

describe('a whole number', () => {
  it.each([0, 5, 10, -0])('may be %s within 0 and 10', (value) => {
    expect(() => checkInteger('workers', value, 0, 10)).not.toThrow();
  });

  it.each([-1, 11, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number])('may not be %o', (value) => {
    expect(() => checkInteger('workers', value, 0, 10)).toThrow(
      /^workers must be a whole number from 0 to 10, but is /,
    );
  });

  it('has no greatest value unless it is given one', () => {
    expect(() => checkInteger('workers', Number.MAX_SAFE_INTEGER, 1)).not.toThrow();
    expect(() => checkInteger('workers', 0, 1)).toThrow('workers must be a whole number of at least 1, but is 0');
  });
});

describe('a duration', () => {
  it.each([0, 0.5, 1e12])('may be %s', (value) => {
    expect(() => checkDuration('timeoutMs', value)).not.toThrow();
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, undefined as unknown as number])('may not be %s', (value) => {
    expect(() => checkDuration('timeoutMs', value)).toThrow(/^timeoutMs must be a finite number of at least 0 ms, but/);
  });

  it('may have a greater minimum', () => {
    expect(() => checkDuration('timeoutMs', 9, 10)).toThrow(
      'timeoutMs must be a finite number of at least 10 ms, but is 9',
    );
  });
});
