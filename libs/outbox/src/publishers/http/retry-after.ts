/** An endpoint that asks for more than this is asked again after this: a mistaken date must not end all deliveries. */
const LONGEST_MS = 3_600_000;

/** The header `Retry-After`, seconds or a date, in ms from now; undefined when there is none that can be understood. */
export function retryAfterMs(value: string | null, nowMs: number): number | undefined {
  if (value === null || value.trim() === '') return undefined;
  const ms = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), LONGEST_MS);
}
