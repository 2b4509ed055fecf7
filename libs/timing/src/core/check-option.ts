/**
 * Refuses an option that breaks its rule, by name and value: `checkOption('capacity', 0, capacity >= 1, 'be at least 1')`
 * throws `RangeError: capacity must be at least 1, but is 0`.
 */
export function checkOption(name: string, value: unknown, holds: boolean, rule: string): void {
  if (!holds) throw new RangeError(`${name} must ${rule}, but is ${shown(value)}`);
}

/** A whole number within `[min, max]`. Fast enough for a hot path: the rule is worded only for a value that breaks it. */
export function checkInteger(name: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  const end = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  checkOption(name, value, false, `be a whole number ${end}`);
}

/** A duration: finite and not negative. */
export function checkDuration(name: string, value: number, minMs = 0): void {
  checkOption(name, value, Number.isFinite(value) && value >= minMs, `be a finite number of at least ${minMs} ms`);
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
