/**
 * How fast counters grow, per second. A rate over a short time is noise, and one over a long time hides what happened, so
 * samples sooner than `shortestMs` after the last one that counted repeat its rates, and after `longestMs` it begins anew.
 */
export class Rates<Name extends string> {
  private last: { readonly atMs: number; readonly counts: Readonly<Record<Name, number>> } | undefined;
  private rates: Readonly<Record<Name, number>> | undefined;

  constructor(
    private readonly shortestMs: number,
    private readonly longestMs: number,
  ) {}

  /** `atMs` is monotonic. Undefined: there is nothing to compare with yet. `counted`: the rates are new. */
  next(
    atMs: number,
    counts: Readonly<Record<Name, number>>,
  ): { readonly rates: Readonly<Record<Name, number>> | undefined; readonly counted: boolean } {
    const { last } = this;
    const spanMs = last ? atMs - last.atMs : Infinity;
    if (spanMs < this.shortestMs) return { rates: this.rates, counted: false };
    this.last = { atMs, counts };
    this.rates = last && spanMs <= this.longestMs ? perSecond(last.counts, counts, spanMs) : undefined;
    return { rates: this.rates, counted: true };
  }
}

function perSecond<Name extends string>(
  before: Readonly<Record<Name, number>>,
  now: Readonly<Record<Name, number>>,
  spanMs: number,
): Record<Name, number> {
  const names = Object.keys(now) as Name[];
  return Object.fromEntries(names.map((name) => [name, ((now[name] - before[name]) * 1000) / spanMs])) as Record<
    Name,
    number
  >;
}
