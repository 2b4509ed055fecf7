/** What a benchmark found, by name; a rate's name ends in `PerSecond`. Printed as JSON, in this order. */
export type BenchResult = Readonly<Record<string, number>>;

/** What every `<name>.bench.ts` exports by default. It may print more about its runs while they go on. */
export type Bench = () => Promise<BenchResult>;
