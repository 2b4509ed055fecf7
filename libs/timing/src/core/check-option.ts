/**
 * Refuses an option that breaks its rule, by name and value: `checkOption('capacity', 0, capacity >= 1, 'be at least 1')`
 * throws `RangeError: capacity must be at least 1, but is 0`.
 */
export function checkOption(name: string, value: unknown, holds: boolean, rule: string): void {
  if (!holds) throw new RangeError(`${name} must ${rule}, but is ${shown(value)}`);
}

/** A whole number within `[min, max]`. */
export function checkInteger(name: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): void {
  const rule =
    max === Number.MAX_SAFE_INTEGER
      ? `be a whole number of at least ${min}`
      : `be a whole number from ${min} to ${max}`;
  checkOption(name, value, Number.isSafeInteger(value) && value >= min && value <= max, rule);
}

/** A duration: finite and not negative. */
export function checkDuration(name: string, value: number, minMs = 0): void {
  checkOption(name, value, Number.isFinite(value) && value >= minMs, `be a finite number of at least ${minMs} ms`);
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
