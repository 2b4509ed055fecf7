import { describe, expect, it } from 'vitest';
import { Rates } from './rates.js';

describe('Rates', () => {
  it('are per second, whatever time lies between the samples', () => {
    const rates = new Rates(800, 5000);
    expect(rates.next(0, { sent: 100 })).toEqual({ rates: undefined, counted: true });
    expect(rates.next(1000, { sent: 150 })).toEqual({ rates: { sent: 50 }, counted: true });
    expect(rates.next(3000, { sent: 350 })).toEqual({ rates: { sent: 100 }, counted: true });
  });

  it('stay what they are for a sample that comes too soon, which is counted with the next one', () => {
    const rates = new Rates(800, 5000);
    rates.next(0, { sent: 0 });
    rates.next(1000, { sent: 10 });
    expect(rates.next(1200, { sent: 30 })).toEqual({ rates: { sent: 10 }, counted: false });
    expect(rates.next(2000, { sent: 30 })).toEqual({ rates: { sent: 20 }, counted: true });
  });

  it('begin anew after a time in which nobody looked', () => {
    const rates = new Rates(800, 5000);
    rates.next(0, { sent: 0 });
    expect(rates.next(5001, { sent: 1000 })).toEqual({ rates: undefined, counted: true });
    expect(rates.next(6001, { sent: 1010 }).rates).toEqual({ sent: 10 });
  });
});
