// @ts-check

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** Counting in tables ends there. */
const COUNTED_AT_MOST = 100_000;

/** @param {number | null | undefined} value */
export function count(value) {
  if (value === null || value === undefined) return '–';
  return value >= COUNTED_AT_MOST ? `${whole.format(COUNTED_AT_MOST)}+` : whole.format(value);
}

/** @param {number | null | undefined} value */
export function rate(value) {
  if (value === null || value === undefined) return '–';
  return value >= 10_000 ? compact.format(value) : value >= 100 ? whole.format(value) : short.format(value);
}

/** @param {number | null | undefined} ms */
export function duration(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1000) return `${whole.format(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds < 10 ? short.format(seconds) : whole.format(Math.floor(seconds))} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** In whole seconds, for what is written anew each second. @param {number | null} ms */
export function age(ms) {
  return ms === null ? '–' : duration(Math.max(0, Math.floor(ms / 1000) * 1000)).replace(/^0 ms$/, '0 s');
}

/** @param {number} ms since the epoch */
export function time(ms) {
  const date = new Date(ms);
  const today = new Date().toDateString() === date.toDateString();
  return today ? date.toLocaleTimeString() : date.toLocaleString();
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1_048_576 ? `${short.format(bytes / 1024)} KiB` : `${short.format(bytes / 1_048_576)} MiB`;
}

/** What a process is called, short: a name it was given, or the beginning of a random one. @param {string} id */
export function processName(id) {
  const [name = '', random] = id.split('#');
  return random === undefined ? name.slice(0, 8) : `${name} ${random.slice(0, 4)}`;
}

/** `[0, 1, 2, 5]` as `0–2, 5`. @param {readonly number[]} numbers in order */
export function ranges(numbers) {
  /** @type {[number, number][]} */
  const spans = [];
  for (const number of numbers) {
    const last = spans.at(-1);
    if (last && last[1] === number - 1) last[1] = number;
    else spans.push([number, number]);
  }
  return spans.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ');
}
